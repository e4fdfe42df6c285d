"""What `invoke canary` runs, and what it says afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from turnout import canary as module
from turnout import deploy as deploy_module
from turnout import status as status_module
from turnout.canary import canary, told
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.playbooks import Result
from turnout.progress import Failure, Progress
from turnout.status import warnings

PROD = Environment("prod", "shop", [Host("web1", "web1")])
PARKED = {"owner": "ann@laptop", "reason": "canary", "seconds_left": 7200, "parked": 10}
PARKED |= {"release": "r2"}


def entry(lease: dict[str, Any] | None = None, green: int = 0) -> dict[str, Any]:
    slots = {"blue": {"release": "r1"}, "green": {"release": "r2"}}
    split = {"blue": 100 - green, "green": green}
    known = {"host": "web1", "url": "", "live": "blue", "release": "r1", "slots": slots}
    return known | {"split": split, "lease": lease, "releases": []}


class Fleet:
    """What the hosts answer, and what was run on them."""

    def __init__(self) -> None:
        self.entries = [entry()]
        self.runs: list[tuple[str, dict[str, Any]]] = []
        self.deploys: list[dict[str, Any]] = []
        self.exit_code = 0
        self.cancelled = False

    def run(self, name: str, env: str, **more: Any) -> Result:
        self.runs.append((name, more["variables"]))
        progress = Progress(seconds={"Switch": 1.0})
        if self.exit_code:
            progress.failures.append(Failure("web1", "Bake", "Bake the release", "it fails"))
        return Result(name, env, self.exit_code, self.cancelled, progress)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet()
    monkeypatch.setattr(module, "load", lambda _env: PROD)
    monkeypatch.setattr(module, "run", made.run)
    monkeypatch.setattr(status_module, "ask", lambda _environment: made.entries)
    monkeypatch.setattr(module, "deploy", lambda env, **more: made.deploys.append(more))
    return made


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch) -> list[Environment]:
    """The environments that were cleaned up behind a command."""
    made: list[Environment] = []
    monkeypatch.setattr(module.recover, "after_cancel", made.append)
    return made


@pytest.mark.parametrize(
    "asked", [{}, {"to": 5, "finish": True}, {"finish": True, "abort": True}], ids=str
)
def test_exactly_one_thing_is_asked_for(fleet: Fleet, asked: dict[str, Any]) -> None:
    with pytest.raises(TurnoutError, match="one of --to PERCENT, --finish and --abort"):
        canary("prod", **asked)

    assert (fleet.runs, fleet.deploys) == ([], [])


def test_without_a_canary_under_way_one_is_deployed_and_left_at_its_share(fleet: Fleet) -> None:
    canary("prod", to=10, dirty=True)

    assert fleet.deploys == [{"dirty": True, "canary_to": 10}]
    assert fleet.runs == []


@pytest.mark.parametrize(
    ("asked", "to"), [({"to": 25}, 25), ({"finish": True}, 100), ({"abort": True}, 0)]
)
def test_a_canary_that_was_left_goes_on(fleet: Fleet, asked: dict[str, Any], to: int) -> None:
    fleet.entries = [entry(PARKED, green=10)]

    canary("prod", **asked)

    assert fleet.runs == [("canary", {"release_canary_to": to})]
    assert fleet.deploys == []


def test_a_canary_whose_time_is_over_is_none_any_more(fleet: Fleet) -> None:
    fleet.entries = [entry({**PARKED, "seconds_left": 0})]

    canary("prod", to=10)

    assert fleet.deploys


def test_a_canary_that_fails_is_a_failure_in_words(fleet: Fleet) -> None:
    fleet.exit_code = 2

    with pytest.raises(TurnoutError, match="canary of prod failed on web1 in Bake"):
        canary("prod", finish=True)


def test_a_canary_that_is_cancelled_is_cleaned_up_behind(
    fleet: Fleet, cleaned: list[Environment]
) -> None:
    fleet.exit_code, fleet.cancelled = 254, True

    with pytest.raises(TurnoutError, match="was cancelled"):
        canary("prod", finish=True)

    assert cleaned == [PROD]


def test_a_canary_that_is_cancelled_half_way_is_cleaned_up_behind(
    fleet: Fleet, cleaned: list[Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.entries = [entry(PARKED), entry(PARKED)]

    def taken(name: str, env: str, **more: Any) -> Result:
        fleet.entries = [entry({**PARKED, "parked": 0}), entry(PARKED)]
        return Result(name, env, 254, True, Progress())

    monkeypatch.setattr(module, "run", taken)

    with pytest.raises(TurnoutError, match="was cancelled while"):
        canary("prod", finish=True)

    assert cleaned == [PROD]


def test_a_canary_that_is_cancelled_before_it_goes_on_is_still_there_and_it_is_said(
    fleet: Fleet, cleaned: list[Environment]
) -> None:
    fleet.exit_code, fleet.cancelled = 254, True
    fleet.entries = [entry(PARKED, green=10)]

    with pytest.raises(TurnoutError, match="before it went on") as told:
        canary("prod", finish=True)

    assert "--finish or --abort" in str(told.value)
    assert cleaned == []


def test_the_shares_are_told_and_how_to_go_on() -> None:
    assert told("prod", [entry(PARKED, green=10)]) == [
        "web1: 90 % to r1 (blue), 10 % to r2 (green)",
        "Next: invoke canary --env prod --to PERCENT, --finish or --abort; "
        "left alone it goes back by itself",
    ]


def test_after_the_end_nothing_is_left_to_do() -> None:
    assert told("prod", [entry(), {"host": "web2", "error": "no answer"}]) == [
        "web1: 100 % to r1 (blue)"
    ]


def test_before_a_first_deploy_nothing_is_live() -> None:
    nothing = entry() | {"split": {"blue": 0, "green": 0}}

    assert told("prod", [nothing]) == ["web1: nothing is live"]


def test_status_says_that_a_canary_waits_and_for_what() -> None:
    (said,) = warnings("prod", [entry(PARKED, green=10)])

    assert "web1: a canary is left at 10 % by ann@laptop" in said
    assert "goes back by itself in 120 min" in said
    assert "--to PERCENT, --finish or --abort" in said


@pytest.mark.parametrize(
    ("asked", "variables"),
    [
        ({"canary": "5,25"}, {"release_canary": "5,25"}),
        ({"canary_to": 10}, {"release_canary_to": 10}),
        ({}, {}),
    ],
)
def test_a_deploy_hands_its_shares_to_the_playbook(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], variables: dict[str, Any]
) -> None:
    given: list[dict[str, Any]] = []

    def run_phases(_environment: Environment, told: dict[str, Any], **_more: Any) -> Progress:
        given.append(told)
        return Progress()

    monkeypatch.setattr(deploy_module.local, "ready", lambda _env: PROD)
    monkeypatch.setattr(deploy_module, "_deploy", run_phases)

    deploy_module.deploy("prod", check=True, **asked)

    assert given == [variables]


def test_a_deploy_that_was_left_at_a_share_says_so() -> None:
    host = entry(PARKED, green=10) | {"url": "https://shop.example.com"}

    assert deploy_module._live(host).endswith("(web1), 10 % to r2")
