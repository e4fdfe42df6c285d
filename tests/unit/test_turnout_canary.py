"""A canary's shares are checked before a host is touched, and so is whether it is there."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.action import turnout_canary
from plugins.action.turnout_canary import Refused, begun, continued

LIVE: list[str | None] = ["r1", "r1"]


def held(parked: int = 10, release: str = "r2", seconds_left: int = 100) -> dict[str, Any]:
    return {"owner": "a", "parked": parked, "release": release, "seconds_left": seconds_left}


def test_a_deploy_goes_through_its_shares() -> None:
    assert begun(["5", "25", "50"], 0, LIVE) == {"steps": [5, 25, 50], "parks": 0}


def test_a_deploy_that_is_left_at_a_share_goes_no_further() -> None:
    assert begun([], 10, LIVE) == {"steps": [10], "parks": 10}
    assert begun(["5"], 10, LIVE) == {"steps": [5, 10], "parks": 10}


@pytest.mark.parametrize("share", ["0", "7", "100", "105", "-5", "x", "", "5.0", "5 %"])
def test_what_is_no_share_is_refused_with_the_form_to_use(share: str) -> None:
    with pytest.raises(Refused, match=f"'{share}' is no share of a canary") as refused:
        begun([share], 0, LIVE)

    assert "multiples of 5 below 100" in refused.value.args[1]


@pytest.mark.parametrize(("steps", "to"), [(["25", "5"], 0), (["5", "5"], 0), (["25"], 10)])
def test_shares_that_do_not_grow_are_refused(steps: list[str], to: int) -> None:
    with pytest.raises(Refused, match="does not go from"):
        begun(steps, to, LIVE)


def test_a_canary_where_nothing_is_live_is_not_left_at_a_share() -> None:
    with pytest.raises(Refused, match="nothing is live yet"):
        begun([], 10, [None, None])


def test_a_first_deploy_with_shares_just_deploys() -> None:
    assert begun(["5"], 0, [None])["steps"] == [5]


def test_a_canary_that_was_left_goes_on_to_a_share() -> None:
    plan = continued(25, {"web1": held(), "web2": held()})

    there = {"is_there": True, "hosts": ["web1", "web2"]}
    assert plan == {"release": "r2", "steps": [25], "parks": 25, **there}


def test_a_canary_that_is_finished_has_no_share_before_it() -> None:
    plan = continued(100, {"web1": held()})

    assert (plan["release"], plan["steps"], plan["parks"]) == ("r2", [], 0)


@pytest.mark.parametrize(
    ("found", "hosts"),
    [
        ({"web1": None, "web2": held(), "web3": held()}, ["web2", "web3"]),
        ({"web1": held(seconds_left=0), "web2": held()}, ["web2"]),
        ({"web1": None}, []),
    ],
)
def test_a_canary_is_aborted_on_the_hosts_that_still_have_it(
    found: dict[str, Any], hosts: list[str]
) -> None:
    plan = continued(0, found)

    assert (plan["hosts"], plan["is_there"]) == (hosts, bool(hosts))


@pytest.mark.parametrize("lease", [None, held(seconds_left=0), {"owner": "a", "seconds_left": 9}])
def test_without_a_canary_one_is_told_how_to_begin(lease: dict[str, Any] | None) -> None:
    with pytest.raises(Refused, match="no canary is under way") as refused:
        continued(25, {"web1": lease})

    assert "release_canary_to=10" in refused.value.args[1]


def test_a_canary_that_a_host_has_lost_can_be_aborted_only() -> None:
    with pytest.raises(Refused, match="web2 went back already") as refused:
        continued(100, {"web1": held(), "web2": None})

    assert "--abort" in refused.value.args[1]


def test_canaries_of_two_releases_do_not_go_on() -> None:
    with pytest.raises(Refused, match="different releases: r2, r3"):
        continued(25, {"web1": held(), "web2": held(release="r3")})


@pytest.mark.parametrize("to", [7, 105, -5])
def test_a_canary_goes_on_to_a_share_only(to: int) -> None:
    with pytest.raises(Refused, match="is no share"):
        continued(to, {"web1": held()})


def run(monkeypatch: pytest.MonkeyPatch, **given: Any) -> dict[str, Any]:
    monkeypatch.setattr(turnout_canary.ActionBase, "run", lambda *_: {})
    action = object.__new__(turnout_canary.ActionModule)
    known = {"steps": [], "to": 0, "live": LIVE, "found": {}, "continues": False}
    action.validate_argument_spec = lambda argument_spec: (None, {**known, **given})
    return dict(action.run())


def test_the_play_gets_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, steps=["5"])["steps"] == [5]
    assert run(monkeypatch, continues=True, to=100, found={"web1": held()})["release"] == "r2"


def test_the_play_fails_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = run(monkeypatch, steps=["3"])

    assert failed["failed"]
    assert failed["cause"] == "'3' is no share of a canary"
    assert failed["msg"].endswith(f"Next: {failed['next_step']}")
