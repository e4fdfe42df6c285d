"""A release proves itself under traffic, on a share of it or on all of it, or is gone by itself."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fleet import BACK_SECONDS, Fleet, until
from tests.lab.load import Load

pytestmark = pytest.mark.lab

STEP_SECONDS = 4
POINTS = ("before_switch", "after_switch", "before_commit", "after_commit")
# How long an answer takes is the business of the machine that runs these tests.
STEP = {"app_canary_seconds": STEP_SECONDS, "app_bake_latency": 1000.0}
ECHO = '    if path == "/echo":\n'


@contextmanager
def broken(fleet: Fleet) -> Iterator[None]:
    """Break the app's answer to POST while its health stays well, under load that sees it."""
    file = fleet.source / "hello/__init__.py"
    good = file.read_text()
    file.write_text(good.replace(ECHO, f"{ECHO}        raise RuntimeError('spoilt')\n"))
    with ExitStack() as stack:
        for host in fleet.hosts:
            stack.enter_context(Load(f"http://127.0.0.1:{host.vm.http_port}", keep=2, close=2))
        yield
    file.write_text(good)


def shares(fleet: Fleet) -> list[dict[str, Any]]:
    """Return the split of each host."""
    return [dict(state["split"]) for state in fleet.states()]


def last_outcomes(fleet: Fleet) -> set[str]:
    return {state["history"][-1]["outcome"] for state in fleet.states()}


def candidates_share(fleet: Fleet) -> set[int]:
    """Return what the hosts give to a release that is not live."""
    return {100 - state["split"][state["live"]] for state in fleet.states()}


def test_a_good_release_goes_through_its_shares_and_batches_and_loses_no_request(
    fleet: Fleet, tmp_path: Path
) -> None:
    live, said = fleet.releases(), tmp_path / "said"
    hook = [{"command": f"echo $TURNOUT_HOOK >> {said}", "timeout_seconds": 5}]
    known = {"app_batch": 1, "app_bake_seconds": 3, "app_hooks": dict.fromkeys(POINTS, hook)}
    known["app_dead_man_seconds"] = 40  # which the hooks have to fit into
    with fleet.load():
        code, output = fleet.begin("good", release_canary="5,25", **STEP, **known).end()

    assert code == 0, output
    assert said.read_text().split() == list(POINTS)
    first, second = (fleet.switched(host) for host in fleet.hosts)
    assert first < second
    verdicts = re.findall(r"-[12]: \d+ requests, 0 failed \(0\.0%\), p95", output)
    assert len(verdicts) == 2 * 3, output  # two shares and a bake, two hosts
    assert len(fleet.releases()) == 1
    assert fleet.releases() != live
    assert candidates_share(fleet) == {0}
    assert fleet.leftovers() == ""


def test_a_candidate_that_fails_is_withdrawn_from_all_hosts(fleet: Fleet) -> None:
    live, before = fleet.releases(), shares(fleet)
    with broken(fleet):
        code, output = fleet.begin(
            "failing", release_canary="25,50", **STEP, app_bake_errors=0.05
        ).end()

    assert code != 0
    assert "the release does worse than it may" in output
    assert "requests failed" in output
    assert "Canary gets a share of 50" not in output
    assert (fleet.releases(), shares(fleet)) == (live, before)
    assert last_outcomes(fleet) == {"failed"}
    assert fleet.leftovers() == ""


def test_a_release_that_fails_after_the_switch_goes_back_with_its_evidence(fleet: Fleet) -> None:
    live, before = fleet.releases(), shares(fleet)
    with broken(fleet):
        code, output = fleet.begin("spoilt", app_bake_seconds=30).end()

    assert code != 0
    assert "POST /echo 500" in output
    assert "RuntimeError: spoilt" in output
    assert (fleet.releases(), shares(fleet)) == (live, before)
    kept = fleet.hosts[0].run("cat /srv/hello/releases/*/failed.json").stdout.decode()
    assert "POST /echo 500" in kept
    assert fleet.leftovers() == ""


def test_hosts_whose_controller_is_killed_at_a_share_go_back_by_themselves(fleet: Fleet) -> None:
    live, before, journals = fleet.releases(), shares(fleet), fleet.journals()
    with fleet.load():
        dead = fleet.begin("killed", release_canary="50", **STEP)
        fleet.wait_for("from", dead, journals)
        until(lambda: candidates_share(fleet) == {50}, "a share of 50 %")
        dead.send(signal.SIGKILL)

        until(fleet.is_free, "the end of the lease", BACK_SECONDS + STEP_SECONDS)

    assert (fleet.releases(), shares(fleet)) == (live, before)
    assert fleet.leftovers() == ""


def test_a_canary_is_left_moved_on_and_finished_by_hand(fleet: Fleet) -> None:
    live = fleet.releases()
    with fleet.load():
        code, output = fleet.begin("by-hand", release_canary_to=10, **STEP).end()
        assert code == 0, output
        assert (fleet.releases(), candidates_share(fleet)) == (live, {10})

        refused, why = fleet.begin("meanwhile").end()
        assert refused != 0
        assert "has a canary at 10 %" in why
        assert "--finish, or --abort" in why

        fleet.play("canary", release_canary_to=75, **STEP)
        assert (fleet.releases(), candidates_share(fleet)) == (live, {75})
        fleet.play("canary", release_canary_to=100, **STEP)

    assert not fleet.releases() & live
    assert candidates_share(fleet) == {0}
    assert last_outcomes(fleet) == {"live"}
    assert fleet.leftovers() == ""


def test_a_canary_is_aborted_by_hand(fleet: Fleet) -> None:
    live, before = fleet.releases(), shares(fleet)
    with fleet.load():
        assert fleet.begin("aborted", release_canary_to=50, **STEP).end()[0] == 0
        assert candidates_share(fleet) == {50}

        fleet.play("canary", release_canary_to=0, **STEP)

    assert (fleet.releases(), shares(fleet)) == (live, before)
    assert last_outcomes(fleet) == {"aborted"}
    assert fleet.leftovers() == ""
    fleet.play("canary", release_canary_to=0, **STEP)  # nothing is there to abort any more

    with pytest.raises(AssertionError, match="no canary"):
        fleet.play("canary", release_canary_to=100, **STEP)
    assert (fleet.releases(), shares(fleet)) == (live, before)
