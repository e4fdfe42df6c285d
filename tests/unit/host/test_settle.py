"""What is left to do when traffic has moved: stop the old slot, remove what nobody needs."""

from __future__ import annotations

import json

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import journal, releases, settle, splits
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


def test_the_newest_verified_releases_stay_and_what_only_older_ones_used_goes(
    layout: Layout,
) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")

    assert settle.prune(layout, keep=3) == ["r1"]
    assert on_disk(layout) == (["r2", "r3", "r4"], ["v-r2", "v-r3", "v-r4"])


def test_newest_means_deployed_last_whatever_the_names_and_times_say(layout: Layout) -> None:
    deployed(layout, "c", "b", "a", "c2")
    journal.conclude(layout, "deploy", "live", release="c")
    for slot in ("blue", "green"):
        making.put_in_slot(layout, slot, "c2")

    settle.prune(layout, keep=2)

    assert on_disk(layout)[0] == ["c", "c2"]


def test_what_a_slot_holds_stays_however_old(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    making.put_in_slot(layout, "blue", "r1")

    settle.prune(layout, keep=1)

    assert on_disk(layout)[0] == ["r1", "r4"]


def test_failed_releases_never_count_as_kept_and_the_last_one_stays_as_evidence(
    layout: Layout,
) -> None:
    deployed(layout, "r1", "r2")
    for name in ("f1", "f2", "f1"):
        if not layout.release(name).exists():
            making.make_release(layout, name)
        releases.mark_failed(layout, name, "a test")
        journal.conclude(layout, "deploy", "failed", release=name)

    assert settle.prune(layout, keep=2) == ["f2"]
    assert on_disk(layout)[0] == ["f1", "r1", "r2"]


def test_a_release_that_never_was_live_goes(layout: Layout) -> None:
    deployed(layout, "r1")
    making.make_release(layout, "staged-only")

    assert settle.prune(layout, keep=5) == ["staged-only"]


def test_keeping_none_still_keeps_the_live_one(layout: Layout) -> None:
    deployed(layout, "r1", "r2")
    making.put_in_slot(layout, "blue", "r2")

    settle.prune(layout, keep=0)

    assert on_disk(layout) == (["r2"], ["v-r2"])


def test_a_shared_virtual_environment_stays_while_one_release_uses_it(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3")
    manifest = json.loads((layout.release("r3") / "release.json").read_text())
    (layout.release("r3") / "release.json").write_text(json.dumps({**manifest, "venv": "v-r1"}))

    settle.prune(layout, keep=2)

    assert on_disk(layout) == (["r2", "r3"], ["v-r1", "v-r2"])


def test_half_a_virtual_environment_and_leftovers_go(layout: Layout) -> None:
    deployed(layout, "r1")
    (layout.venvs / "half/bin").mkdir(parents=True)
    (layout.venvs / ".v0.gone/bin").mkdir(parents=True)
    (layout.releases / ".r0.gone/code").mkdir(parents=True)

    settle.prune(layout, keep=2)

    assert on_disk(layout) == (["r1"], ["v-r1"])


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


def test_after_a_boot_before_the_first_deploy_nothing_is_started(
    layout: Layout, slots: Slots
) -> None:
    assert settle.boot(layout, slots) == []


def test_a_host_without_settings_has_the_defaults(layout: Layout) -> None:
    layout.settings.unlink()

    assert settle.settings(layout) == {}
