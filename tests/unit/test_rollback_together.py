"""All hosts go back, or none: phase by phase, past Ansible."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT
from turnout import rollback_together as module
from turnout import ssh
from turnout.conversation import Lost
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
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
        self.given_up: list[tuple[str, str]] = []
        self.targets = {name: self.target() for name in NAMES}
        self.live = dict.fromkeys(NAMES, "r2")
        # What a host answers to a phase instead.
        self.answers: dict[tuple[str, str], Any] = {}
        self.asked_for: list[str] = []

    @staticmethod
    def target(**other: Any) -> dict[str, Any]:
        known = {"rollback_to": "r1", "rollback_base": "r1", "is_live": False}
        return known | {"release": "r2", "lease": None} | other

    def fail(self, host: str, phase: str, problem: str = "blue is ill") -> None:
        self.answers[host, phase] = HostError(host, problem, "line 1", "mend it")

    def phases(self, host: str) -> list[str]:
        return [phase for name, phase in self.asked if name == host]

    def status(self, environment: Environment) -> list[dict[str, Any]]:
        self.asked_for = [host.name for host in environment.hosts]
        return [{"host": name, "release": self.live[name]} for name in self.asked_for]

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

    def give_up(self, line: dict[str, Any]) -> None:
        self._fleet.given_up.append((self.host.name, line["cause"]))

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
    # The first host waits with the others for whoever is at work there.
    seconds = {line["phase"]: line["lease"]["seconds"] for line in fleet.lines}
    assert seconds == {"recall": 230, "start": 200, "switch": 200, "commit": 200}
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

    where = "it has moved no traffic" if phase in PHASES[:2] else "traffic is where it was"
    assert error.what == f"rollback of prod failed on web2 in {phase.capitalize()}, and {where}"
    assert error.why == "blue is ill\nline 1"
    assert error.next_step == "mend it"
    assert [fleet.phases(name)[-1] for name in ("web1", "web3")] == ["revert", "revert"]
    # It goes back by itself, and is not waited for; it is told, for it may only be slow.
    assert fleet.phases("web2")[-1] == phase
    assert fleet.given_up == [("web2", "web2: blue is ill")]
    causes = {line["cause"] for line in fleet.lines if line["phase"] == "revert"}
    assert causes == {"web2: blue is ill"}


def test_where_the_first_host_is_taken_no_other_is_touched(fleet: Fleet) -> None:
    fleet.fail("web1", "recall", "shop is being changed by alice")

    refused()

    assert {phase for name, phase in fleet.asked if name != "web1"} == {"revert"}


def test_a_host_of_which_it_is_not_known_is_named(fleet: Fleet) -> None:
    fleet.answers["web2", "commit"] = Lost("web2", "no answer within 75 s")
    fleet.fail("web3", "revert", "the disk is read-only")
    fleet.live["web3"] = "r1"

    error = refused()

    assert "traffic is where it was, but perhaps not on web2, web3 (" in error.what
    # To ask one that is silent would take as long again.
    assert fleet.asked_for == ["web1", "web3"]


def test_before_the_switch_no_traffic_has_moved_whoever_is_silent(fleet: Fleet) -> None:
    fleet.answers["web2", "start"] = Lost("web2", "no answer within 200 s")

    assert refused().what.endswith("and it has moved no traffic")
    assert fleet.asked_for == []


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


@pytest.fixture
def signals() -> Iterator[None]:
    """Signals as a person's terminal sends them, whatever runs these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_comes_between_the_commits_nor_between_their_taking_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, kind: signal.Signals, fails: bool
) -> None:
    answer = fleet.answer

    def pressed(host: str, phase: str) -> dict[str, Any]:
        if phase in ("commit", "revert"):
            os.kill(os.getpid(), kind)
        return answer(host, phase)

    monkeypatch.setattr(fleet, "answer", pressed)
    if fails:
        fleet.fail("web2", "commit")
        assert "failed on web2 in Commit, and traffic is where it was" in refused().what
    else:
        together().run()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_cancel_after_the_commit_does_not_say_that_hosts_go_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Together, "_keep_receipts", interrupt)

    assert "was cancelled when its hosts had committed" in refused().what
