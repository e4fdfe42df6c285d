"""What is left to do when traffic has moved: stop the old slot, remove what nobody needs."""

from __future__ import annotations

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import drain, journal, settle, splits
from turnout_host.layout import Layout
from turnout_host.units import Slots


def on_disk(layout: Layout) -> tuple[list[str], list[str]]:
    """Return the releases and the virtual environments."""
    folders = layout.releases, layout.venvs
    found = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    return found[0], found[1]


def deployed(layout: Layout, *names: str) -> None:
    """Each was live once, the last one is; each has a virtual environment of its own."""
    for number, name in enumerate(names):
        making.make_release(layout, name, venv=f"v-{name}")
        making.put_live(layout, ("blue", "green")[number % 2], name)


def test_the_old_slot_is_stopped_and_pruned_behind(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    for slot in ("blue", "green"):
        systemd.set(slot, ActiveState="active", MainPID=7)

    assert settle.settle(layout, slots, "blue")

    assert not systemd.is_running("blue")
    assert systemd.is_running("green")
    assert on_disk(layout)[0] == ["r3", "r4"]


@pytest.mark.parametrize("lanes", [{"blue": 20}, {"blue": 1, "green": 19}])
def test_a_slot_that_takes_traffic_is_not_settled(
    layout: Layout, slots: Slots, systemd: FakeSystemd, lanes: dict[str, int]
) -> None:
    deployed(layout, "r1", "r2", "r3")
    splits.make_live(layout, splits.create(layout, lanes))

    assert not settle.settle(layout, slots, "blue")
    assert systemd.calls == []
    assert on_disk(layout)[0] == ["r1", "r2", "r3"]


def test_an_old_slot_is_waited_for_without_the_lock_until_it_answers_nobody(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(layout, "r1", "r2")
    left = [2, 1, 0]
    monkeypatch.setattr(drain, "in_flight", lambda *_: left.pop(0))
    monkeypatch.setattr(settle, "PAUSE_SECONDS", 0)

    settle.wait(layout, "blue")

    assert left == []


@pytest.mark.parametrize("needed", ["by a deploy", "by visitors"])
def test_nobody_is_waited_for_in_a_slot_that_is_needed(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, needed: str
) -> None:
    deployed(layout, "r1", "r2")
    monkeypatch.setattr(drain, "in_flight", lambda *_: 1)
    if needed == "by a deploy":
        journal.begin(layout, "r3")

    settle.wait(layout, "blue" if needed == "by a deploy" else "green")  # it would take a minute


def test_a_running_deploy_is_not_settled_away(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2")
    journal.begin(layout, "r3")

    assert not settle.settle(layout, slots, "blue")
    assert systemd.calls == []


def test_a_timer_is_called_off_before_another_is_set(layout: Layout, systemd: FakeSystemd) -> None:
    settle.schedule(layout, "blue", 300, systemd)
    settle.schedule(layout, "blue", 0, systemd)

    assert "--unit=turnout-settle-hello --on-active=300 " in systemd.calls[0]
    assert systemd.calls[1] == "systemctl stop turnout-settle-hello.timer"
    assert "--unit=turnout-settle-hello --on-active=1 " in systemd.calls[2]


def test_a_slot_that_is_idle_and_runs_is_stopped_by_a_timer_and_no_other(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2")
    assert not settle.schedule_idle(layout, slots)

    systemd.set("blue", ActiveState="activating", MainPID=0)  # it crashes and is started again
    assert settle.schedule_idle(layout, slots)
    assert settle.schedule_idle(layout, slots)

    (timer,) = systemd.called("systemd-run")
    assert "--on-active=300 " in timer
    assert timer.endswith("--slot blue")


def test_a_host_without_settings_has_the_defaults(layout: Layout) -> None:
    layout.settings.unlink()

    assert settle.settings(layout) == {}


def test_the_settings_of_the_host_decide_what_is_kept(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    layout.settings.write_text('{"keep_releases": 3, "keep_megabytes": 1}')
    (layout.release("r2") / "code/data").write_bytes(b"x" * 2**21)

    assert settle.prune(layout) == ["r1", "r2"]
