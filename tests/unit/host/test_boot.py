"""What was live comes up by itself, whatever the boot came in between."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import boot, journal, lease, lock, splits
from turnout_host.layout import Layout
from turnout_host.units import Slots


def test_after_a_boot_the_slots_with_traffic_are_started_and_no_other(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")

    assert boot.boot(layout, slots) == ["green"]
    assert not systemd.is_running("blue")

    splits.make_live(layout, splits.create(layout, {"blue": 1, "green": 19}))
    assert boot.boot(layout, slots) == ["blue", "green"]


def test_what_starts_the_live_slot_again_leaves_a_deploy_that_goes_on_alone(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")
    journal.begin(layout, "r3", token="t")
    lease.acquire(layout, lease.Claim("t", "alice@laptop", "deploy"), 60)

    assert boot.boot(layout, slots) == ["green"]

    assert journal.running(layout)
    assert lease.is_held_by(layout, "t")
    # Its timer may have ended with the other services.
    assert systemd.called("--unit=turnout-watch-hello --on-active=10 ")


def test_a_deploy_that_a_reboot_has_cut_short_is_put_right_at_the_boot(
    layout: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")
    journal.begin(layout, "r3", token="t")
    lease.acquire(layout, lease.Claim("t", "alice@laptop", "deploy"), 60)
    monkeypatch.setattr(lease, "boot_id", lambda: "the next boot")

    boot.boot(layout, slots)

    assert journal.running(layout) is None
    assert lease.read(layout) is None


def test_what_was_warm_when_the_services_started_again_is_stopped_all_the_same(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")
    systemd.set("blue", ActiveState="active", MainPID=7)

    boot.boot(layout, slots)

    assert systemd.called("--unit=turnout-settle-hello")


def test_what_is_live_comes_up_though_somebody_else_works_on_the_host(
    layout: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "exclusive", lambda layout: lock.exclusive(layout, wait_seconds=0))
    making.put_live(layout, "blue", "r1")
    journal.begin(layout, "r2", token="t")

    with lock.exclusive(layout):
        assert boot.boot(layout, slots) == ["blue"]

    assert systemd.is_running("blue")
    assert journal.running(layout)


def test_what_is_live_comes_up_though_a_dead_deploy_cannot_be_put_right(
    layout: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    making.put_live(layout, "blue", "r1")
    monkeypatch.setattr(boot.watch, "recover", full)

    with pytest.raises(OSError, match="No space left"):
        boot.boot(layout, slots)

    assert systemd.is_running("blue")
    # For another try.
    assert systemd.called("--unit=turnout-watch-hello")


def test_after_a_boot_before_the_first_deploy_nothing_is_started(
    layout: Layout, slots: Slots
) -> None:
    assert boot.boot(layout, slots) == []
