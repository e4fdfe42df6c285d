"""What is left to do when traffic has moved: stop the old slot, remove what nobody needs."""

from __future__ import annotations

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import cli, journal, lease, lock, settle, splits
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


def test_a_running_deploy_is_not_settled_away(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2")
    journal.begin(layout, "r3")

    assert not settle.settle(layout, slots, "blue")
    assert systemd.calls == []


def test_a_timer_is_called_off_before_another_is_set(layout: Layout, systemd: FakeSystemd) -> None:
    settle.schedule(layout, "blue", 0, systemd)

    assert systemd.calls[0] == "systemctl stop turnout-settle-hello.timer"
    assert "--unit=turnout-settle-hello --on-active=1 " in systemd.calls[1]


def test_after_a_boot_the_slots_with_traffic_are_started_and_no_other(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2")

    assert settle.boot(layout, slots) == ["green"]
    assert systemd.called("@blue") == []

    splits.make_live(layout, splits.create(layout, {"blue": 1, "green": 19}))
    assert settle.boot(layout, slots) == ["blue", "green"]


def test_what_starts_the_live_slot_again_leaves_a_deploy_that_goes_on_alone(
    layout: Layout, slots: Slots
) -> None:
    deployed(layout, "r1", "r2")
    journal.begin(layout, "r3", token="t")
    lease.acquire(layout, lease.Claim("t", "alice@laptop", "deploy"), 60)

    assert settle.boot(layout, slots) == ["green"]

    assert journal.running(layout)
    assert lease.is_held_by(layout, "t")


def test_a_deploy_that_a_reboot_has_cut_short_is_put_right_at_the_boot(
    layout: Layout, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(layout, "r1", "r2")
    journal.begin(layout, "r3", token="t")
    lease.acquire(layout, lease.Claim("t", "alice@laptop", "deploy"), 60)
    monkeypatch.setattr(lease, "boot_id", lambda: "the next boot")

    settle.boot(layout, slots)

    assert journal.running(layout) is None
    assert lease.read(layout) is None


def test_the_program_waits_with_a_boot_for_a_call_that_works(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "Layout", lambda _app: layout)
    monkeypatch.setattr(cli, "exclusive", lambda layout: lock.exclusive(layout, wait_seconds=0))

    with lock.exclusive(layout):
        assert cli.main(["boot", "--app", "hello"]) == 1
    assert cli.main(["boot", "--app", "hello"]) == 0


def test_a_slot_that_is_idle_and_runs_is_stopped_by_a_timer_and_no_other(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deployed(layout, "r1", "r2")
    assert not settle.schedule_idle(layout, slots)

    systemd.set("blue", ActiveState="activating", MainPID=0)  # it crashes and is started again
    systemd.answers["is-active"] = 3, ""
    assert settle.schedule_idle(layout, slots)
    systemd.answers["is-active"] = 0, ""
    assert settle.schedule_idle(layout, slots)

    (timer,) = systemd.called("systemd-run")
    assert "--on-active=300 " in timer
    assert timer.endswith("--slot blue")


def test_after_a_boot_before_the_first_deploy_nothing_is_started(
    layout: Layout, slots: Slots
) -> None:
    assert settle.boot(layout, slots) == []


def test_a_host_without_settings_has_the_defaults(layout: Layout) -> None:
    layout.settings.unlink()

    assert settle.settings(layout) == {}


def test_the_settings_of_the_host_decide_what_is_kept(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    layout.settings.write_text('{"keep_releases": 3, "keep_megabytes": 1}')
    (layout.release("r2") / "code/data").write_bytes(b"x" * 2**21)

    assert settle.prune(layout) == ["r1", "r2"]
