"""The probe knows by itself how far a deploy is, and when there is nothing more to see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import follow, journal, lease, recording, splits, switch
from turnout_host.follow import Follower
from turnout_host.layout import Layout
from turnout_host.units import Slots


class Clock:
    """Goes on when a test says so, and knows nothing of the time of day."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def deploy(layout: Layout, notes: list[dict[str, Any]], clock: Clock) -> Follower:
    """r1 is live in blue and r2 is about to be, in green; somebody follows that."""
    making.put_live(layout, "blue", "r1")
    layout.runtime("blue").mkdir(parents=True)
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    journal.begin(layout, "r2", token="t")
    begun = journal.last(layout, "begin")
    assert begun is not None
    made = recording.read(recording.create(layout, begun, 20))
    following = Follower(layout, made, notes.append, clock)
    following.look()
    return following


def names(notes: list[dict[str, Any]]) -> list[str]:
    return [note["mark"] for note in notes]


def look(following: Follower, clock: Clock, after: float) -> None:
    clock.now += after
    following.look()


def committed(layout: Layout) -> None:
    switch.switch(layout, "green")
    switch.commit(layout, "r2", live="green")


def test_who_is_live_changes_with_the_switch_and_its_instant_is_noted(
    layout: Layout, deploy: Follower, notes: list[dict[str, Any]]
) -> None:
    assert deploy.live == "r1"

    switch.switch(layout, "green")
    deploy.look()

    assert deploy.live == "r2"
    assert names(notes) == ["from", "moved"]
    assert notes[1]["at"] == layout.live.lstat().st_ctime
    assert 0 < notes[1]["took"] < 5


def test_it_asks_often_around_the_switch_and_seldom_later(
    layout: Layout, deploy: Follower, clock: Clock
) -> None:
    look(deploy, clock, 60)
    assert deploy.rate == 20

    switch.switch(layout, "green")
    deploy.look()
    assert deploy.rate == 20
    look(deploy, clock, 3 * follow.FULL_RATE_SECONDS)
    assert deploy.rate == 1


def test_it_goes_on_until_a_while_after_the_old_slot_has_stopped(
    layout: Layout, deploy: Follower, clock: Clock, notes: list[dict[str, Any]]
) -> None:
    committed(layout)
    look(deploy, clock, 2)
    look(deploy, clock, 200)
    assert not deploy.is_over

    layout.runtime("blue").rmdir()
    look(deploy, clock, 2)
    assert names(notes)[-1] == "settled"
    assert not deploy.is_over
    look(deploy, clock, follow.AFTER_SETTLE_SECONDS + 1)
    assert deploy.is_over


def test_a_slot_that_does_not_stop_is_not_waited_for_without_end(
    layout: Layout, deploy: Follower, clock: Clock
) -> None:
    committed(layout)
    look(deploy, clock, 2)
    look(deploy, clock, 300 + 1 + follow.LATE_SECONDS + 10)

    assert deploy.is_over


def test_a_first_deploy_has_no_old_slot_to_wait_for(
    layout: Layout, clock: Clock, notes: list[dict[str, Any]]
) -> None:
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    journal.begin(layout, "r2")
    begun = journal.last(layout, "begin")
    assert begun is not None
    made = recording.read(recording.create(layout, begun, 20))
    first = Follower(layout, made, notes.append, clock)
    first.look()
    assert first.live is None

    committed(layout)
    look(first, clock, 2)
    assert first.live == "r2"
    assert not first.is_over
    look(first, clock, 3 * follow.FULL_RATE_SECONDS)
    assert first.is_over


def test_the_way_back_is_noted_and_asked_through(
    layout: Layout, deploy: Follower, clock: Clock, notes: list[dict[str, Any]], slots: Slots
) -> None:
    switch.switch(layout, "green")
    deploy.look()
    switch.revert(layout, slots, "web2 failed")
    look(deploy, clock, 2)

    assert deploy.live == "r1"
    assert names(notes)[-1] == "back"
    assert deploy.rate == 20
    assert not deploy.is_over
    look(deploy, clock, 3 * follow.FULL_RATE_SECONDS)
    assert deploy.is_over


def test_a_deploy_that_failed_before_its_switch_is_soon_over(
    layout: Layout, deploy: Follower, clock: Clock, notes: list[dict[str, Any]], slots: Slots
) -> None:
    switch.revert(layout, slots, "not healthy")
    look(deploy, clock, 3 * follow.FULL_RATE_SECONDS)

    assert deploy.is_over
    assert "moved" not in names(notes)


def test_the_next_deploy_ends_it_at_once(layout: Layout, deploy: Follower) -> None:
    committed(layout)
    deploy.look()

    journal.begin(layout, "r3")
    deploy.look()

    assert deploy.is_over


def test_a_deploy_that_never_ends_is_not_followed_for_ever(deploy: Follower, clock: Clock) -> None:
    look(deploy, clock, follow.LONGEST_DEPLOY_SECONDS - 1)
    assert not deploy.is_over
    look(deploy, clock, 2)
    assert deploy.is_over


def test_a_deploy_that_somebody_still_conducts_is_followed_however_long_it_bakes(
    layout: Layout, deploy: Follower, clock: Clock
) -> None:
    lease.acquire(layout, lease.Claim("t2", owner="alice", reason="deploy"), 60)

    look(deploy, clock, 3 * follow.LONGEST_DEPLOY_SECONDS)

    assert not deploy.is_over


def test_a_canary_that_is_left_for_hours_is_asked_seldom_until_somebody_goes_on(
    layout: Layout, deploy: Follower, clock: Clock, notes: list[dict[str, Any]]
) -> None:
    switch.switch(layout, "green", 10)
    look(deploy, clock, 30)
    assert deploy.rate == 20

    journal.record(layout, "park", seconds=0.1)
    look(deploy, clock, 1)
    assert deploy.rate == 1
    clock.now += 3 * follow.LONGEST_DEPLOY_SECONDS
    assert not deploy.is_over

    journal.record(layout, "taken", token="t3")
    look(deploy, clock, 1)
    assert deploy.rate == 20
    assert names(notes)[-3:] == ["share", "park", "taken"]


def test_a_deploy_that_was_taken_back_after_its_commit_has_not_settled(
    layout: Layout,
    deploy: Follower,
    clock: Clock,
    notes: list[dict[str, Any]],
    slots: Slots,
    systemd: FakeSystemd,
) -> None:
    systemd.set("blue", ActiveState="active", MainPID=7)
    committed(layout)
    look(deploy, clock, 2)
    assert switch.take_back(layout, slots, "t", "web2 failed")["changed"]
    look(deploy, clock, 2)

    assert names(notes)[-1] == "back"
    look(deploy, clock, 3 * follow.FULL_RATE_SECONDS)
    assert deploy.is_over
    assert splits.live(layout) == "blue"
