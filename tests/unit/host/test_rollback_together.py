"""A host beside others goes through each phase when told to, and back when nobody tells it."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from tests.unit.host.test_switch import deploy
from turnout_host import (
    drain,
    journal,
    lease,
    phases,
    releases,
    rollback,
    rollback_together,
    watch,
)
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.rollback_steps import Steps
from turnout_host.units import Slots

LEASE = {"token": "t", "owner": "bob@laptop (process 1)", "reason": "rollback", "seconds": 60}
PHASES = ("recall", "start", "switch", "commit")


class Controller:
    """Says one line after another, and keeps the answers."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.heard: list[dict[str, Any]] = []
        self.deaf = False

    def lines(self, *asked: str) -> Iterator[str]:
        for phase in asked:
            yield json.dumps({"phase": phase, "lease": LEASE, "cause": "web2: no answer"})

    def hear(self, answer: dict[str, Any]) -> None:
        if self.deaf:
            raise BrokenPipeError
        self.heard.append(answer)

    def rolls_back(self, *asked: str, steps: Steps | None = None) -> dict[str, Any]:
        """Ask for these phases, and then be heard of no more."""
        steps = steps or Steps(self.layout)
        return rollback_together.roll_back(steps, self.lines(*asked), self.hear)


@pytest.fixture
def controller(
    layout: Layout,
    nginx: Site,
    blue_site: Site,
    green_site: Site,
    slots: Slots,
    systemd: FakeSystemd,
    monkeypatch: pytest.MonkeyPatch,
) -> Controller:
    """r1 was live before r2, and is warm."""
    layout.settings.write_text(json.dumps({"port": nginx.port, "drain_seconds": 0.1}))
    monkeypatch.setattr(phases, "Slots", lambda _layout: slots)
    for name in ("r1", "r2"):
        deploy(layout, systemd, name)
    return Controller(layout)


def last(layout: Layout) -> dict[str, Any]:
    return journal.read_lines(layout.history)[-1]


def test_each_phase_is_answered_and_the_last_one_with_the_whole(controller: Controller) -> None:
    done = controller.rolls_back(*PHASES)

    target, recall, start, switch, commit = controller.heard
    assert (target["rollback_to"], target["release"], target["lease"]) == ("r1", "r2", None)
    assert recall["previous_release"] == "r2"
    assert start["slot"] == switch["slot"] == "blue"
    assert commit == done
    assert (done["release"], done["previous_release"], done["live"]) == ("r1", "r2", "blue")
    assert last(controller.layout)["actor"] == LEASE["owner"]
    assert lease.read(controller.layout) is None


@pytest.mark.parametrize("reached", [1, 2, 3])
def test_a_host_that_hears_no_more_before_the_commit_goes_back_at_once(
    controller: Controller, reached: int
) -> None:
    done = controller.rolls_back(*PHASES[:reached])

    assert done["back"]
    assert releases.live(controller.layout) == "r2"
    assert last(controller.layout)["outcome"] == "failed"
    assert last(controller.layout)["cause"] == rollback_together.GONE
    assert lease.read(controller.layout) is None


def test_a_host_that_was_told_of_nothing_has_done_nothing(controller: Controller) -> None:
    before = controller.layout.history.read_bytes()

    assert controller.rolls_back() == {"changed": False, "back": True}
    assert controller.rolls_back("revert") == {"changed": False, "back": True}

    assert controller.layout.history.read_bytes() == before


def test_what_was_warm_is_warm_for_the_next_try(
    controller: Controller, systemd: FakeSystemd
) -> None:
    controller.rolls_back(*PHASES[:3])

    assert systemd.is_running("blue")
    # And not for ever.
    assert systemd.called("--unit=turnout-settle-hello")

    controller.rolls_back(*PHASES)
    assert releases.live(controller.layout) == "r1"
    assert systemd.called("systemctl start") == []


def test_what_was_started_for_a_rollback_that_went_back_is_stopped(
    controller: Controller, slots: Slots, systemd: FakeSystemd
) -> None:
    drain.stop(controller.layout, slots, "blue", 0.1)

    controller.rolls_back(*PHASES[:3])

    assert not systemd.is_running("blue")


def test_a_line_that_the_controllers_death_has_torn_is_none(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "lines", lambda *_: iter(['{"phase": "rec']))

    assert controller.rolls_back()["back"]


@pytest.mark.parametrize("reached", [1, 2, 3, 4])
def test_a_host_goes_back_with_the_others_also_after_its_commit(
    controller: Controller, reached: int
) -> None:
    done = controller.rolls_back(*PHASES[:reached], "revert")

    assert done["back"]
    assert releases.live(controller.layout) == "r2"
    assert last(controller.layout)["cause"] == "web2: no answer"
    assert last(controller.layout)["outcome"] == ("withdrawn" if reached == 4 else "failed")


def test_a_controller_that_dies_while_a_phase_works_is_missed_when_it_ends(
    controller: Controller,
) -> None:
    steps = Steps(controller.layout)
    take = steps.take

    def dying(phase: str, lease: dict[str, Any]) -> dict[str, Any]:
        controller.deaf = phase == "switch"
        return take(phase, lease)

    steps.take = dying  # type: ignore[method-assign]

    assert controller.rolls_back(*PHASES[:3], steps=steps)["back"]
    assert releases.live(controller.layout) == "r2"


def test_what_was_committed_has_happened_whoever_hears_of_it(controller: Controller) -> None:
    steps = Steps(controller.layout)
    take = steps.take

    def dying(phase: str, lease: dict[str, Any]) -> dict[str, Any]:
        controller.deaf = phase == "commit"
        return take(phase, lease)

    steps.take = dying  # type: ignore[method-assign]

    assert controller.rolls_back(*PHASES, steps=steps)["release"] == "r1"
    assert releases.live(controller.layout) == "r1"


def test_a_phase_that_fails_sends_the_host_back_without_being_told(
    controller: Controller, slots: Slots, blue_site: Site
) -> None:
    drain.stop(controller.layout, slots, "blue", 0.1)
    blue_site.status = 500

    with pytest.raises(HostFailure, match="blue did not become healthy"):
        controller.rolls_back(*PHASES)

    assert releases.live(controller.layout) == "r2"
    assert journal.running(controller.layout) is None


def test_a_host_that_cannot_go_back_says_both(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> dict[str, Any]:
        raise HostFailure("the disk is read-only", "mount it again")

    monkeypatch.setitem(phases.PHASES, "switch", refuse)
    monkeypatch.setitem(phases.PHASES, "revert", refuse)

    both = "the disk is read-only; and it did not go back: the disk is read-only"
    with pytest.raises(HostFailure, match=both):
        controller.rolls_back(*PHASES)


def test_a_host_whose_disk_is_full_on_the_way_back_says_so_beside_the_first_cause(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> dict[str, Any]:
        raise HostFailure("nginx is ill", "mend it")

    def full(*_: Any, **__: Any) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(phases.PHASES, "switch", fail)
    monkeypatch.setitem(phases.PHASES, "revert", full)

    with pytest.raises(HostFailure, match=r"nginx is ill; and it did not go back: .*No space"):
        controller.rolls_back(*PHASES)


def test_what_another_deploy_has_made_live_meanwhile_is_not_skipped(
    controller: Controller, systemd: FakeSystemd
) -> None:
    steps = Steps(controller.layout)
    deploy(controller.layout, systemd, "r3")
    before = controller.layout.journal.read_bytes()

    with pytest.raises(HostFailure, match="r3 is live now, and was not before"):
        controller.rolls_back(*PHASES, steps=steps)

    assert releases.live(controller.layout) == "r3"
    assert lease.read(controller.layout) is None
    assert not steps.has_begun
    # Not a line of it in somebody else's.
    assert b"revert" not in controller.layout.journal.read_bytes().removeprefix(before)


def test_a_release_that_was_named_is_gone_to_whatever_is_live_by_then(
    controller: Controller, systemd: FakeSystemd
) -> None:
    steps = Steps(controller.layout, "r1")
    deploy(controller.layout, systemd, "r3")

    done = controller.rolls_back(*PHASES, steps=steps)

    assert (done["release"], done["previous_release"]) == ("r1", "r3")


@pytest.mark.parametrize("force", [False, True])
def test_a_schema_that_a_deploy_has_left_meanwhile_is_seen(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    steps = Steps(controller.layout, force=force)
    monkeypatch.setattr(rollback.schema, "objection", lambda *_: "the database is at schema bb")

    if force:
        assert controller.rolls_back(*PHASES, steps=steps)["release"] == "r1"
    else:
        with pytest.raises(HostFailure, match="the database is at schema bb"):
            controller.rolls_back(*PHASES, steps=steps)
        assert releases.live(controller.layout) == "r2"


@pytest.mark.parametrize(("reached", "seconds"), [(2, 60), (3, 20)])
def test_from_the_switch_on_a_silent_controller_is_not_waited_for_as_long_as_before(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, reached: int, seconds: int
) -> None:
    settings = json.loads(controller.layout.settings.read_text()) | {"dead_man_seconds": 20}
    controller.layout.settings.write_text(json.dumps(settings))
    left: list[float] = []

    def lines(*_: str) -> Iterator[str]:
        yield from Controller.lines(controller, *PHASES[:reached])
        held = lease.read(controller.layout)
        left.append(held.seconds_left if held else 0)

    monkeypatch.setattr(controller, "lines", lines)
    controller.rolls_back()

    assert left == [pytest.approx(seconds, abs=5)]


def test_a_host_that_its_controller_kept_waiting_too_long_has_gone_back_and_stays_there(
    controller: Controller, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(*_: str) -> Iterator[str]:
        yield from Controller.lines(controller, *PHASES[:3])
        lease.renew(controller.layout, "t", -1)
        assert watch.look(controller.layout, slots)["reverted"]
        yield from Controller.lines(controller, "commit")

    monkeypatch.setattr(controller, "lines", lines)

    with pytest.raises(HostFailure, match="has ended on this host"):
        controller.rolls_back()

    assert releases.live(controller.layout) == "r2"
