"""One deploy at a time on a host, and none that is dead keeps the others out for long."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from turnout_host import lease
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.lease import Claim

ALICE = Claim("t-alice", "alice@laptop (process 1)", "deploy")
BOB = Claim("t-bob", "bob@ci (process 2)", "deploy")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The host's clock; a test sets its one value."""
    now = [1000.0]
    monkeypatch.setattr(lease, "clock", lambda: now[0])
    return now


def test_whoever_comes_second_is_told_who_was_first(layout: Layout, clock: list[float]) -> None:
    lease.acquire(layout, ALICE, 60)

    with pytest.raises(
        HostFailure, match=r"alice@laptop \(process 1\) \(deploy, since .* 60 s"
    ) as no:
        lease.acquire(layout, BOB, 60)

    assert "invoke unlock" in no.value.next_step
    assert lease.is_held_by(layout, ALICE.token)


def test_each_renewal_goes_on_from_now(layout: Layout, clock: list[float]) -> None:
    lease.acquire(layout, ALICE, 60)
    clock[0] += 50
    lease.renew(layout, ALICE.token, 60)
    clock[0] += 50

    held = lease.read(layout)

    assert held
    assert held.seconds_left == 10


def test_a_lease_that_is_over_is_anybodys(layout: Layout, clock: list[float]) -> None:
    lease.acquire(layout, ALICE, 60)
    clock[0] += 61

    lease.acquire(layout, BOB, 60)

    with pytest.raises(HostFailure, match="has ended on this host; now it is bob@ci"):
        lease.renew(layout, ALICE.token, 60)


def test_a_late_owner_goes_on_while_nobody_else_has_come(
    layout: Layout, clock: list[float]
) -> None:
    lease.acquire(layout, ALICE, 60)
    clock[0] += 61

    lease.renew(layout, ALICE.token, 60)

    assert lease.holder(layout, BOB)


def test_a_call_without_a_lease_is_refused(layout: Layout) -> None:
    with pytest.raises(HostFailure, match="of a deploy that has ended"):
        lease.renew(layout, ALICE.token, 60)


def test_nobody_gives_back_somebody_elses(layout: Layout) -> None:
    lease.acquire(layout, ALICE, 60)

    assert not lease.give_back(layout, BOB.token)
    assert lease.is_held_by(layout, ALICE.token)
    assert lease.give_back(layout, ALICE.token)
    assert lease.read(layout) is None


def test_an_owner_that_is_known_to_be_dead_stands_in_nobodys_way(layout: Layout) -> None:
    lease.acquire(layout, ALICE, 60)

    lease.acquire(layout, Claim(BOB.token, BOB.owner, "deploy", (ALICE.owner,)), 60)

    assert lease.is_held_by(layout, BOB.token)


def test_no_lease_outlives_a_reboot(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    lease.acquire(layout, ALICE, 60)
    monkeypatch.setattr(lease, "boot_id", lambda: "another boot")

    lease.acquire(layout, BOB, 60)

    assert lease.is_held_by(layout, BOB.token)


def test_a_container_that_starts_again_has_booted_although_its_kernel_has_not(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    init = tmp_path / "stat"
    monkeypatch.setattr(lease, "INIT", init)
    init.write_text(f"1 (a (b) c) S {' '.join(['0'] * 18)} 1000 7 8")
    lease.acquire(layout, ALICE, 60)
    init.write_text(f"1 (a (b) c) S {' '.join(['0'] * 18)} 2000 7 8")

    held = lease.read(layout)

    assert held
    assert held.is_over


def test_a_step_of_the_wall_clock_changes_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.acquire(layout, ALICE, 60)
    monkeypatch.setattr(time, "time", lambda: 4e9)

    assert lease.holder(layout, BOB)


def test_the_token_is_roots_alone(layout: Layout) -> None:
    lease.acquire(layout, ALICE, 60)

    assert layout.lease.stat().st_mode & 0o777 == 0o600
    assert ALICE.token not in lease.Lease(**json.loads(layout.lease.read_text())).describe()


def test_a_lease_that_cannot_be_read_keeps_nobody_out(layout: Layout) -> None:
    layout.lease.write_text("by hand")

    lease.acquire(layout, ALICE, 60)

    assert lease.is_held_by(layout, ALICE.token)


def test_whoever_waits_goes_on_as_soon_as_the_other_has_ended(
    layout: Layout, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.acquire(layout, ALICE, 60)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock[0] += seconds
        if len(naps) == 3:
            lease.give_back(layout, ALICE.token)

    monkeypatch.setattr(time, "sleep", nap)

    lease.wait(layout, BOB, 600)

    assert len(naps) == 3


def test_whoever_waits_does_so_no_longer_than_it_was_told(
    layout: Layout, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.acquire(layout, ALICE, 600)
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    lease.wait(layout, BOB, 5)

    assert clock[0] == 1005
