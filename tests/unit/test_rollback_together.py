"""All hosts go back, or none: phase by phase, past Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT
from turnout import rollback_together as module
from turnout import ssh
from turnout.errors import TurnoutError
from turnout.inventory import Environment, Host
from turnout.progress import Progress
from turnout.reach import HostError
from turnout.rollback_together import Together

NAMES = ("web1", "web2", "web3")
PHASES = ["recall", "start", "switch", "commit"]


class Fleet:
    """Hosts whose programs answer; what each was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.lines: list[dict[str, Any]] = []
        self.closed: list[str] = []
        self.targets = {name: self.target() for name in NAMES}
        self.live = dict.fromkeys(NAMES, "r2")
        # What a host answers to a phase instead.
        self.answers: dict[tuple[str, str], Any] = {}

    @staticmethod
    def target(**other: Any) -> dict[str, Any]:
        known = {"rollback_to": "r1", "rollback_base": "r1", "is_live": False}
        return known | {"release": "r2", "lease": None} | other

    def fail(self, host: str, phase: str, problem: str = "blue is ill") -> None:
        self.answers[host, phase] = HostError(host, problem, "line 1", "mend it")

    def phases(self, host: str) -> list[str]:
        return [phase for name, phase in self.asked if name == host]

    def status(self, _environment: Environment) -> list[dict[str, Any]]:
        return [{"host": name, "release": release} for name, release in self.live.items()]

    def begin(self, host: Host, app: str, *words: str) -> Talk:
        assert words[:3] == ("rollback", "--together", "--explain")
        self.answer(host.name, "begin")
        return Talk(self, host)

    def answer(self, host: str, phase: str) -> dict[str, Any]:
        given = self.answers.get((host, phase), {"seconds": 0.1})
        if isinstance(given, BaseException):
            raise given
        return dict(given)


class Talk:
    """Stands for a conversation with one host."""

    def __init__(self, fleet: Fleet, host: Host) -> None:
        self.host, self._fleet = host, fleet

    def answer(self, _timeout: float) -> dict[str, Any]:
        return self._fleet.targets[self.host.name]

    def ask(self, line: dict[str, Any], _timeout: float) -> dict[str, Any]:
        self._fleet.asked.append((self.host.name, line["phase"]))
        self._fleet.lines.append({**line, "lease": dict(line.get("lease", {}))})
        return self._fleet.answer(self.host.name, line["phase"])

    def close(self) -> None:
        self._fleet.closed.append(self.host.name)


class Silent:
    """A view that shows nothing."""

    def update(self, progress: Progress) -> None:
        """Show nothing."""

    def note(self, line: str) -> None:
        """Show nothing."""


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet()
    monkeypatch.setattr(module, "Conversation", made.begin)
    monkeypatch.setattr(module.status, "ask", made.status)

    def with_all(talks: list[Talk], step: Callable[[Talk], Any]) -> dict[str, Any]:
        return ssh.on_each([talk.host for talk in talks], lambda host: step(Talk(made, host)))

    monkeypatch.setattr(module, "with_all", with_all)
    return made


def together(wait: int = 0) -> Together:
    hosts = [Host(name, name) for name in NAMES]
    environment = Environment("prod", "shop", hosts, rollback_seconds=200)
    return Together(environment, ["--release", "r1"], wait, Silent())


def refused(wait: int = 0) -> TurnoutError:
    with pytest.raises(TurnoutError) as failed:
        together(wait).run()
    return failed.value


def test_every_host_ends_a_phase_before_one_begins_the_next(fleet: Fleet) -> None:
    together().run()

    reached = [phase for _, phase in fleet.asked]
    assert reached == [phase for phase in PHASES for _ in NAMES]
    assert fleet.asked[0] == ("web1", "recall")
    assert all(fleet.phases(name) == PHASES for name in NAMES)
    assert sorted(fleet.closed) == sorted(NAMES)


def test_all_hosts_know_the_rollback_by_one_lease(fleet: Fleet) -> None:
    together(wait=30).run()

    assert len({line["lease"]["token"] for line in fleet.lines}) == 1
    assert {line["lease"]["seconds"] for line in fleet.lines} == {230}
    assert fleet.lines[0]["lease"]["wait_seconds"] == 30


def test_it_is_told_how_long_each_phase_took_and_what_visitors_saw(fleet: Fleet) -> None:
    for name in NAMES:
        fleet.answers[name, "commit"] = {"release": "r1", "live": "blue", "receipt": RECEIPT}
    going = together()

    live = going.run()

    assert [(one["host"], one["release"], one["live"]) for one in live] == [
        (name, "r1", "blue") for name in NAMES
    ]
    assert list(going.progress.seconds) == ["Preflight", "Recall", "Start", "Switch", "Commit"]
    assert {cell.state for cell in going.progress.phases["Switch"].values()} == {"changed"}
    assert set(going.progress.receipts) == set(NAMES)


@pytest.mark.parametrize("phase", PHASES)
def test_all_hosts_go_back_where_one_fails(fleet: Fleet, phase: str) -> None:
    fleet.fail("web2", phase)

    error = refused()

    assert error.what == (
        f"rollback of prod failed on web2 in {phase.capitalize()}, and traffic is where it was"
    )
    assert error.why == "blue is ill\nline 1"
    assert error.next_step == "mend it"
    assert [fleet.phases(name)[-1] for name in ("web1", "web3")] == ["revert", "revert"]
    # It has gone back by itself; its program is not there any more.
    assert fleet.phases("web2")[-1] == phase
    causes = {line["cause"] for line in fleet.lines if line["phase"] == "revert"}
    assert causes == {"web2: blue is ill"}


def test_where_the_first_host_is_taken_no_other_is_touched(fleet: Fleet) -> None:
    fleet.fail("web1", "recall", "shop is being changed by alice")

    refused()

    assert {phase for name, phase in fleet.asked if name != "web1"} == {"revert"}


def test_a_host_of_which_it_is_not_known_is_named(fleet: Fleet) -> None:
    fleet.fail("web2", "commit", "no answer within 200 s")
    fleet.fail("web3", "revert", "the connection was lost")
    fleet.live |= {"web2": "r1", "web3": None}

    error = refused()

    assert "traffic is where it was, but perhaps not on web2, web3 (" in error.what


def test_hosts_that_would_go_to_different_releases_go_nowhere(fleet: Fleet) -> None:
    fleet.targets["web2"] = fleet.target(rollback_to="r0")

    error = refused()

    assert "different releases: r0, r1" in error.what
    assert "--release" in error.next_step
    assert fleet.asked == []


def test_what_is_live_on_all_hosts_is_not_gone_back_to(fleet: Fleet) -> None:
    fleet.targets = {name: fleet.target(is_live=True) for name in NAMES}

    assert "r1 is live already, on every host of prod" in refused().what
    assert fleet.asked == []


def test_a_host_that_is_there_already_goes_along_with_the_others(fleet: Fleet) -> None:
    fleet.targets["web2"] = fleet.target(is_live=True)

    together().run()

    assert fleet.phases("web2") == PHASES


HELD = {"owner": "alice@ci (process 7)", "reason": "deploy", "seconds_left": 600}


def test_nobody_is_overtaken(fleet: Fleet) -> None:
    fleet.targets["web3"] = fleet.target(lease=HELD)

    error = refused()

    assert "web3 is being changed by alice@ci (process 7) (deploy)" in error.what
    assert "--wait" in error.next_step
    assert fleet.asked == []


def test_whoever_waits_leaves_it_to_the_host(fleet: Fleet) -> None:
    fleet.targets["web3"] = fleet.target(lease=HELD)

    together(wait=30).run()

    assert fleet.phases("web3") == PHASES


def test_nothing_begins_where_a_host_cannot_be_reached(fleet: Fleet) -> None:
    fleet.fail("web2", "begin", "port 22 is closed")

    assert "web2: port 22 is closed" in refused().what
    assert fleet.asked == []
    assert sorted(fleet.closed) == ["web1", "web3"]


def test_a_rollback_that_is_cancelled_leaves_the_hosts_to_themselves(fleet: Fleet) -> None:
    fleet.answers["web2", "start"] = KeyboardInterrupt()

    error = refused()

    assert "rollback of prod was cancelled: each host goes back" in error.what
    assert "commit" not in [phase for _, phase in fleet.asked]
    assert sorted(fleet.closed) == sorted(NAMES)
