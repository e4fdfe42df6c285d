"""Which way a rollback goes: past Ansible, or by the playbook; and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT
from turnout import rollback as rollback_module
from turnout import rollback_together
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.playbooks import Result
from turnout.progress import Failure, Progress
from turnout.rollback import Wish, rollback

WEB1, WEB2 = Host("web1", "web1"), Host("web2", "web2")
WISH = Wish("r1", current_env=True, force=True, wait=30)


class Played:
    """The hosts, and what was run on them."""

    def __init__(self) -> None:
        self.hosts = [WEB1, WEB2]
        self.needs_playbook = False
        self.words: list[Any] = []
        self.variables: dict[str, Any] | None = None
        self.exit_code, self.cancelled = 0, False
        self.problem = ""
        self.cleaned: list[str] = []
        self.kept: list[str] = []
        self.stored: list[Any] = []

    def load(self, env: str) -> Environment:
        return Environment(env, "shop", self.hosts, needs_playbook=self.needs_playbook)

    def together(self, _env: Environment, words: list[str], wait: int, _view: Any) -> Any:
        self.words = [*words, wait]
        self.progress = self.made()
        return self

    def made(self) -> Progress:
        found = {host.name: RECEIPT for host in self.hosts}
        return Progress(seconds={"Switch": 0.5}, receipts=found)

    def run(self) -> list[dict[str, Any]]:
        if self.problem:
            raise TurnoutError(self.problem)
        return self.states(self.load("prod"))

    def play(self, name: str, env: str, *, listener: Any, variables: dict[str, Any]) -> Result:
        self.variables = variables
        progress = self.made()
        if self.exit_code:
            progress.failures.append(Failure("web2", "Start", "Start the idle slot", "no answer"))
        return Result(name, env, self.exit_code, self.cancelled, progress)

    def keep(self, env: str, app: str, found: dict[str, Any]) -> None:
        self.kept += [f"{env} {app} {host}" for host in found]

    def states(self, environment: Environment) -> list[dict[str, Any]]:
        return [{"host": host.name, "release": "r1", "live": "blue"} for host in environment.hosts]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    monkeypatch.setattr(rollback_module, "load", made.load)
    monkeypatch.setattr(rollback_together, "Together", made.together)
    monkeypatch.setattr(rollback_module, "run", made.play)
    monkeypatch.setattr(rollback_module.openssh, "connect_ahead", lambda host: None)
    monkeypatch.setattr(rollback_module.status, "ask", made.states)
    monkeypatch.setattr(rollback_module.receipt, "store", made.keep)
    monkeypatch.setattr(
        rollback_module.timings, "store", lambda *told: made.stored.append(told[:2])
    )
    monkeypatch.setattr(
        rollback_module.recover, "after_cancel", lambda env: made.cleaned.append(env.name)
    )
    return made


@pytest.mark.parametrize("hosts", [[WEB1], [WEB1, WEB2]])
def test_hosts_go_back_past_ansible_and_it_is_said_what_is_live_and_what_it_cost(
    played: Played, capsys: pytest.CaptureFixture[str], hosts: list[Host]
) -> None:
    played.hosts = hosts

    rollback("prod", Wish())

    assert played.variables is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-2] == [f"{host.name}: r1 is live (blue)" for host in hosts]
    assert lines[-2].startswith(f"{len(hosts) * 400} requests, 0 failed; ")
    assert lines[-1].endswith("s: Switch 0.5")
    assert played.kept == [f"prod shop {host.name}" for host in hosts]
    assert played.stored == [("prod", "rollback")]


def test_the_hosts_are_told_every_wish(played: Played) -> None:
    rollback("prod", WISH)

    assert played.words == ["--release", "r1", "--current-env", "--force", 30]


def test_what_visitors_saw_of_a_rollback_that_went_back_is_said_before_its_cause(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.problem = "rollback of prod failed on web2"

    with pytest.raises(TurnoutError, match="failed on web2"):
        rollback("prod", Wish())

    assert capsys.readouterr().out.startswith("800 requests, 0 failed; ")
    assert played.stored == [("prod", "rollback")]


@pytest.mark.parametrize(("needs", "batch"), [(True, ""), (False, "1")])
def test_hooks_and_batches_are_the_playbooks(
    played: Played, capsys: pytest.CaptureFixture[str], needs: bool, batch: str
) -> None:
    played.needs_playbook = needs

    rollback("prod", Wish("r1", current_env=True, force=True, wait=30, batch=batch))

    wanted = {
        "release_rollback_to": "r1",
        "release_rollback_current_env": True,
        "release_rollback_force": True,
        "release_wait_seconds": 30,
    }
    assert played.variables == wanted | ({"app_batch": batch} if batch else {})
    assert capsys.readouterr().out.splitlines()[0] == "web1: r1 is live (blue)"


@pytest.fixture
def fleet(played: Played) -> Played:
    """It goes by the playbook."""
    played.needs_playbook = True
    return played


def test_without_a_wish_the_settings_and_the_hosts_decide(fleet: Played) -> None:
    rollback("prod", Wish())

    assert fleet.variables == {}


def test_a_rollback_that_failed_says_where_and_why(fleet: Played) -> None:
    fleet.exit_code = 2

    with pytest.raises(TurnoutError) as failed:
        rollback("prod", Wish())

    assert failed.value.what.startswith("rollback of prod failed on web2 in Start")
    assert "no answer" in failed.value.why


def test_a_rollback_that_was_cancelled_is_cleaned_up_behind(fleet: Played) -> None:
    fleet.exit_code, fleet.cancelled = 254, True

    with pytest.raises(TurnoutError):
        rollback("prod", Wish())

    assert fleet.cleaned == ["prod"]
