"""A release that takes traffic is watched, at a share of it or at all of it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from turnout_host import (
    access_log,
    bake,
    boot,
    journal,
    lease,
    phases,
    releases,
    splits,
    state,
    switch,
    watch,
)
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.lock import exclusive
from turnout_host.units import Slots

LEASE = {"token": "t2", "owner": "alice@laptop (process 1)", "reason": "canary", "seconds": 60}
LIMITS = {"errors": 0.02, "latency": 2.0, "requests": 20}


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch, slots: Slots) -> None:
    monkeypatch.setattr(phases, "Slots", lambda _layout: slots)
    monkeypatch.setattr(switch, "verify", lambda *_, **__: None)
    monkeypatch.setattr(bake, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(access_log, "FLUSH_SECONDS", 0.0)


@pytest.fixture
def started(layout: Layout, systemd: FakeSystemd, green_site: Site) -> Layout:
    """r1 is live in blue; r2 runs in green and is well."""
    making.put_live(layout, "blue", "r1")
    systemd.set("blue", ActiveState="active", MainPID=11)
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    systemd.set("green", ActiveState="active", MainPID=22)
    layout.access_log.parent.mkdir(parents=True)
    call(layout, "take")
    journal.begin(layout, "r2", token="t2")
    return layout


def call(layout: Layout, phase: str, holder: str = "t2", **parameters: Any) -> dict[str, Any]:
    known = {"release": "r2", "port": 80, "tls": False, "cause": "web2 failed", "seconds": 0.02}
    known |= {"warm_seconds": 300, **LIMITS}
    known["lease"] = {**LEASE, "token": holder, **parameters.pop("lease", {})}
    return phases.run(phase, layout, {**known, **parameters}, check=parameters.get("check", False))


def visit(layout: Layout, slot: str, count: int = 30, ago: float = 0.0, **changes: Any) -> None:
    """Let nginx log requests that a slot has answered."""
    release = {"blue": "blue/r1", "green": "green/r2"}[slot]
    line = {
        "time": datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="seconds"),
        "method": "GET", "uri": "/", "status": 200, "header_seconds": "0.010",
        "agent": "", "client": "192.0.2.7",
        "lane": "unix:/srv/hello/live/00.sock", "release": release, **changes,
    }  # fmt: skip
    with layout.access_log.open("a") as stream:
        stream.write((json.dumps(line) + "\n") * count)


def share(layout: Layout) -> int:
    return splits.lanes(layout, splits.live(layout))["green"] * 5


def test_a_release_that_does_well_stays(started: Layout) -> None:
    call(started, "switch")
    visit(started, "green")

    done = call(started, "bake")

    assert done["candidate"]["requests"] == 30
    assert not done["changed"]
    assert share(started) == 100
    assert journal.running(started)


def test_a_release_that_fails_after_the_switch_goes_back_and_its_evidence_stays(
    started: Layout, systemd: FakeSystemd
) -> None:
    call(started, "switch")
    visit(started, "green", 3, status=500, uri="/pay")

    with pytest.raises(HostFailure, match="3 of its 3 requests failed") as failed:
        call(started, "bake", seconds=60)

    assert "GET /pay 500" in failed.value.evidence
    assert "log of hello@green.service" in failed.value.evidence
    assert releases.live(started) == "r1"
    assert not systemd.is_running("green")
    kept = json.loads((started.release("r2") / releases.FAILED).read_text())
    assert "3 of its 3 requests failed" in kept["cause"]
    assert "GET /pay 500" in kept["evidence"]
    last = journal.read_lines(started.history)[-1]
    assert (last["outcome"], last["release"]) == ("failed", "r2")


def test_the_apps_words_are_told_without_its_secrets(started: Layout) -> None:
    (started.release("r2") / "env").write_text('TOKEN="hello@green"\n')
    call(started, "switch")
    visit(started, "green", 3, status=500)

    with pytest.raises(HostFailure) as failed:
        call(started, "bake", seconds=60)

    assert "log of ***.service" in failed.value.evidence
    kept = started.release("r2") / releases.FAILED
    assert "hello@green" not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_revert_of_the_fleet_comes_after_that_and_ends_the_lease(started: Layout) -> None:
    call(started, "switch")
    visit(started, "green", 3, status=500)
    with pytest.raises(HostFailure):
        call(started, "bake")
    history = started.history.read_text()

    assert not call(started, "revert")["changed"]

    assert lease.read(started) is None
    assert started.history.read_text() == history


def test_the_watch_that_came_first_leaves_nothing_to_take_back(
    started: Layout, slots: Slots
) -> None:
    call(started, "switch")
    visit(started, "green", 3, status=500)
    with pytest.raises(HostFailure):
        call(started, "bake")
    lease.renew(started, "t2", -1)
    watch.look(started, slots)
    history = started.history.read_text()

    assert not call(started, "revert")["changed"]
    assert started.history.read_text() == history


def test_a_main_process_that_is_another_one_ends_the_watch_at_once(
    started: Layout, systemd: FakeSystemd
) -> None:
    call(started, "switch")
    timer = threading.Timer(0.05, lambda: systemd.set("green", ActiveState="active", MainPID=23))
    timer.start()

    with pytest.raises(HostFailure, match="main process ended"):
        call(started, "bake", seconds=60)

    timer.join()
    assert share(started) == 0


def test_a_bake_compares_with_the_release_before_over_as_long_a_time(started: Layout) -> None:
    visit(started, "blue", 100, ago=30, status=500)  # too long ago
    visit(started, "blue", 40, ago=5, status=200)
    visit(started, "blue", 10, ago=4, status=500)
    call(started, "switch")
    visit(started, "blue", 7, status=500)  # was in flight at the switch
    visit(started, "green", 40, status=200)

    done = _bake_of_ten_seconds(started)

    assert (done["baseline"]["requests"], done["baseline"]["failed"]) == (50, 10)


def _bake_of_ten_seconds(layout: Layout) -> dict[str, Any]:
    """The ten seconds before the switch are looked at; those after it need not pass."""
    watched = bake.Watched(layout, Slots(layout, FakeSystemd(layout)), "green", 10)
    return {"baseline": {**watched.baseline.__dict__}}


def test_a_clock_that_is_set_back_after_the_switch_hides_no_failure(started: Layout) -> None:
    call(started, "switch")
    an_hour_later = time.time() + 3600
    os.utime(started.live, (an_hour_later, an_hour_later), follow_symlinks=False)
    visit(started, "green", 3, status=500)

    with pytest.raises(HostFailure, match="3 of its 3 requests failed"):
        call(started, "bake", seconds=60)


def test_a_clock_that_is_set_back_during_a_bake_hides_no_failure(started: Layout) -> None:
    call(started, "switch")
    watched = bake.Watched(started, Slots(started, FakeSystemd(started)), "green", 60)
    visit(started, "green", 2)
    watched.look()
    visit(started, "green", 3, ago=3600, status=500)
    watched.look()

    assert (watched.candidate.requests, watched.candidate.failed) == (5, 3)


class Hurrying:
    """The time for somebody who has nothing to wait for."""

    time = staticmethod(time.time)

    def __init__(self) -> None:
        self._slept = 0.0

    def sleep(self, seconds: float) -> None:
        self._slept += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._slept


def test_a_slow_release_goes_back_when_its_time_is_over(
    started: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bake, "time", Hurrying())
    visit(started, "blue", 30, ago=2)
    call(started, "switch")
    visit(started, "green", 30, header_seconds="0.400")

    with pytest.raises(HostFailure, match="its p95 is 400 ms, the other release's 10 ms"):
        call(started, "bake", seconds=2)  # nginx logs whole ones


def test_a_canary_has_its_share_and_the_live_release_the_rest(started: Layout) -> None:
    done = call(started, "switch", share=25)

    assert done["changed"]
    assert share(started) == 25
    assert releases.live(started) == "r1"
    assert splits.idle_slot(started) == "green"


def test_a_canary_is_compared_with_the_live_release_at_the_same_time(started: Layout) -> None:
    visit(started, "blue", 100, ago=60)
    call(started, "switch", share=5)
    visit(started, "blue", 200)
    visit(started, "green", 20)

    done = call(started, "bake")

    assert (done["candidate"]["requests"], done["baseline"]["requests"]) == (20, 200)


def test_a_canary_with_too_few_requests_goes_on_and_it_is_said(started: Layout) -> None:
    call(started, "switch", share=5)

    assert "too few to judge" in call(started, "bake")["verdict"]


def test_a_canary_whose_workers_crash_is_seen_though_the_live_release_answers_for_it(
    started: Layout,
) -> None:
    call(started, "switch", share=5)
    lanes = "unix:/srv/hello/live/19.sock, unix:/srv/hello/live/00.sock"
    visit(started, "blue", 5, lane=lanes, upstream_status="502, 200")

    with pytest.raises(HostFailure, match="5 of its 5 requests failed"):
        call(started, "bake", seconds=60)


@pytest.mark.parametrize("last", [25, 50, 75])
def test_a_canary_that_fails_gives_back_all_lanes_whatever_it_had(
    started: Layout, last: int
) -> None:
    for step in (5, 10, last):
        call(started, "switch", share=step)
    visit(started, "green", 5, status=502, release="", lane="unix:/srv/hello/live/19.sock")

    with pytest.raises(HostFailure, match="5 of its 5 requests failed"):
        call(started, "bake", seconds=60)

    assert splits.live(started) == "blue"


@pytest.mark.parametrize("steps", [(5,), (5, 50), (5, 50, 95), (5, 50, 95, 100)])
def test_a_revert_returns_to_what_was_live_before_the_first_step(
    started: Layout, systemd: FakeSystemd, steps: tuple[int, ...]
) -> None:
    for step in steps:
        call(started, "switch", share=step)

    done = call(started, "revert")

    assert (done["changed"], done["live"]) == (True, "blue")
    assert not systemd.is_running("green")


def test_a_host_whose_controller_died_at_a_step_goes_back_by_itself(
    started: Layout, slots: Slots
) -> None:
    call(started, "switch", share=5)
    call(started, "switch", share=50)
    lease.renew(started, "t2", -1)

    assert watch.look(started, slots) == {"held": False, "reverted": True}
    assert splits.live(started) == "blue"


def test_a_kill_between_the_note_of_a_step_and_the_step_is_put_right(
    started: Layout, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    call(started, "switch", share=5)
    with monkeypatch.context() as dying:
        dying.setattr(splits, "make_live", killed)
        with pytest.raises(KeyboardInterrupt):
            call(started, "switch", share=25)
    assert share(started) == 5

    watch.recover(started, slots)

    assert splits.live(started) == "blue"


@pytest.mark.parametrize("share", [5, 50, 95])
def test_after_a_boot_in_the_middle_of_a_canary_the_old_release_has_all_lanes(
    started: Layout, slots: Slots, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(started, "switch", share=share)
    monkeypatch.setattr(lease, "boot_id", lambda: "the next boot")

    assert boot.boot(started, slots) == ["blue"]
    assert splits.live(started) == "blue"
    assert lease.read(started) is None


def test_a_candidate_that_does_not_answer_is_told(started: Layout, green_site: Site) -> None:
    green_site.status = 500

    with pytest.raises(HostFailure, match="green does not answer with the release r2"):
        call(started, "switch", share=5)


def test_a_release_that_is_live_already_is_no_candidate(started: Layout) -> None:
    with pytest.raises(HostFailure, match="no slot holds r1"):
        call(started, "switch", share=5, release="r1")


def test_what_takes_no_traffic_is_not_watched(started: Layout) -> None:
    with pytest.raises(HostFailure, match="r2 takes no traffic"):
        call(started, "bake")


def test_a_watch_ends_when_somebody_else_ends_the_deploy(started: Layout, slots: Slots) -> None:
    call(started, "switch", share=5)

    def recover() -> None:
        with exclusive(started):
            watch.recover(started, slots)

    timer = threading.Timer(0.1, recover)
    timer.start()

    with pytest.raises(HostFailure, match="of a deploy that has ended"):
        call(started, "bake", seconds=60)

    timer.join()
    assert journal.read_lines(started.history)[-1]["cause"].endswith("died after its switch")


def test_the_lease_goes_on_with_each_look_at_a_release(
    started: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(started, "switch", share=5)
    look, seconds_left = bake.Watched.look, []

    def noted(watched: bake.Watched) -> None:
        held = lease.read(started)
        assert held is not None
        seconds_left.append(held.seconds_left)
        look(watched)
        lease.renew(started, "t2", 30)  # half of its time goes by until the next look

    monkeypatch.setattr(bake.Watched, "look", noted)

    call(started, "bake", seconds=0.2)

    assert len(seconds_left) > 1
    assert min(seconds_left) > 50


def test_a_dry_run_watches_and_moves_nothing(started: Layout) -> None:
    parameters = {"lease": LEASE, "release": "r2", "share": 5, "port": 80, "tls": False}

    predicted = phases.run("switch", started, parameters, check=True)
    assert predicted["diff"]["after"] == "live -> 5 % to green\n"
    assert not phases.run("bake", started, parameters, check=True)["changed"]
    assert phases.run("park", started, parameters, check=True)["changed"]
    assert splits.live(started) == "blue"


@pytest.fixture
def parked(started: Layout) -> Layout:
    """r2 was left at 10 % by somebody whose command has ended."""
    call(started, "switch", share=10)
    call(started, "park", share=10, lease={"seconds": 4 * 3600})
    return started


def test_a_canary_that_is_left_tells_its_share_and_the_release(started: Layout) -> None:
    call(started, "switch", share=10)

    told = call(started, "park", share=10)["state"]

    assert told["split"] == {"blue": 90, "green": 10}
    assert (told["lease"]["parked"], told["lease"]["release"]) == (10, "r2")


OTHER = {"token": "t3", "owner": "bob@desk (process 2)"}


def test_a_canary_that_was_left_stays_for_hours(parked: Layout, slots: Slots) -> None:
    assert watch.look(parked, slots) == {"held": True, "reverted": False}
    assert share(parked) == 10
    told = state.lease(parked)
    assert told is not None
    assert told["seconds_left"] == pytest.approx(4 * 3600, abs=60)
    assert (told["parked"], told["release"]) == (10, "r2")


@pytest.mark.parametrize("word", ["take", "recall"])
def test_a_deploy_or_rollback_meanwhile_is_refused_and_told_how_to_end_it(
    parked: Layout, word: str
) -> None:
    with pytest.raises(HostFailure, match=r"has a canary at 10 %: alice@laptop") as refused:
        # That its owner is dead is no reason: its command has ended, as it should.
        call(parked, word, "t3", lease={**OTHER, "dead": [LEASE["owner"]]}, drain_seconds=1)

    assert "--finish, or --abort" in refused.value.next_step
    assert share(parked) == 10


def taken_over(layout: Layout) -> Callable[..., dict[str, Any]]:
    """Have somebody else go on with the canary; return their calls."""
    mine = {**OTHER, "continues": True}
    call(layout, "take", "t3", lease=mine)
    return lambda phase, **parameters: call(layout, phase, "t3", lease=mine, **parameters)


def test_anybody_goes_on_with_it_and_finishes_it(parked: Layout) -> None:
    others = taken_over(parked)

    others("switch", share=25)
    others("bake")
    others("switch")
    others("commit")

    assert splits.live(parked) == "green"
    assert releases.verified(parked) == ["r1", "r2"]
    assert lease.read(parked) is None


def test_a_canary_that_has_ended_meanwhile_is_not_gone_on_with(
    parked: Layout, slots: Slots
) -> None:
    lease.renew(parked, "t2", -1)
    assert watch.look(parked, slots)["reverted"]

    with pytest.raises(HostFailure, match="the canary has ended on this host meanwhile"):
        taken_over(parked)

    assert share(parked) == 0


def test_whoever_left_it_does_nothing_to_it_any_more(parked: Layout) -> None:
    taken_over(parked)

    with pytest.raises(HostFailure, match="of a deploy that has ended"):
        call(parked, "switch")
    assert not call(parked, "revert")["changed"]
    assert share(parked) == 10


def test_a_lease_that_was_taken_over_is_an_ordinary_one(parked: Layout, slots: Slots) -> None:
    taken_over(parked)

    assert "parked" not in (state.lease(parked) or {})
    lease.renew(parked, "t3", -1)
    assert watch.look(parked, slots)["reverted"]
    assert journal.read_lines(parked.history)[-1]["outcome"] == "failed"


def test_what_was_finished_is_taken_back_when_another_host_could_not(parked: Layout) -> None:
    others = taken_over(parked)
    others("switch")
    others("commit")

    assert others("revert")["changed"]

    assert splits.live(parked) == "blue"
    assert journal.read_lines(parked.history)[-1]["outcome"] == "withdrawn"


def test_aborted_by_hand_all_lanes_are_back_and_the_history_says_so(
    parked: Layout, systemd: FakeSystemd
) -> None:
    taken_over(parked)("revert", aborted=True, cause="aborted by bob")

    assert splits.live(parked) == "blue"
    assert not systemd.is_running("green")
    last = journal.read_lines(parked.history)[-1]
    assert (last["outcome"], last["cause"]) == ("aborted", "aborted by bob")
    assert lease.read(parked) is None


def test_forgotten_it_goes_back_by_itself_and_has_not_failed(parked: Layout, slots: Slots) -> None:
    lease.renew(parked, "t2", -1)

    assert watch.look(parked, slots)["reverted"]

    assert splits.live(parked) == "blue"
    last = journal.read_lines(parked.history)[-1]
    assert last["outcome"] == "aborted"
    assert last["cause"] == "the canary that alice@laptop (process 1) had left at 10 % was ended"


def test_a_parked_canary_is_seen_in_the_slots(parked: Layout, slots: Slots) -> None:
    seen = state.state(parked, slots)

    assert seen["split"] == {"blue": 90, "green": 10}
    assert (seen["live"], seen["release"]) == ("blue", "r1")
    assert [seen["slots"][slot]["state"] for slot in ("blue", "green")] == ["live", "canary"]


@pytest.mark.parametrize("share", [0, 4, 100])
def test_a_canary_is_left_at_a_share_that_is_one(started: Layout, share: int) -> None:
    with pytest.raises(HostFailure, match=f"not left at {share} %"):
        call(started, "park", share=share)
