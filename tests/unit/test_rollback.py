"""Which way a rollback goes: by the host's own program, or by the playbook for all hosts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT
from turnout import rollback as rollback_module
from turnout import ssh
from turnout.errors import TurnoutError
from turnout.inventory import Environment, Host
from turnout.playbooks import Result
from turnout.progress import Failure, Progress
from turnout.reach import HostError
from turnout.rollback import Wish, rollback

WEB1, WEB2 = Host("web1", "web1"), Host("web2", "web2")
WISH = Wish("r1", current_env=True, force=True, wait=30, batch="1")


class Played:
    """The hosts, and what was run on them."""

    def __init__(self) -> None:
        self.hosts = [WEB1]
        self.needs_playbook = False
        self.asked: list[tuple[Any, ...]] = []
        self.variables: dict[str, Any] | None = None
        self.exit_code, self.cancelled = 0, False
        self.cleaned: list[str] = []
        self.receipt: dict[str, Any] | None = RECEIPT
        self.kept: list[str] = []

    def load(self, env: str) -> Environment:
        return Environment(
            env, "shop", self.hosts, needs_playbook=self.needs_playbook, rollback_seconds=77
        )

    def program(self, host: Host, app: str, verb: str, *words: str, timeout: int) -> dict[str, Any]:
        self.asked.append((host.name, verb, *words, timeout))
        return {"release": "r1", "live": "blue", "receipt": self.receipt}

    def run(self, name: str, env: str, *, listener: Any, variables: dict[str, Any]) -> Result:
        self.variables = variables
        found = {host.name: RECEIPT for host in self.hosts}
        progress = Progress(seconds={"Switch": 0.5}, receipts=found)
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
    monkeypatch.setattr(ssh, "program", made.program)
    monkeypatch.setattr(rollback_module, "run", made.run)
    monkeypatch.setattr(rollback_module.openssh, "connect_ahead", lambda host: None)
    monkeypatch.setattr(rollback_module.status, "get_ready", lambda environment: None)
    monkeypatch.setattr(rollback_module.status, "ask", made.states)
    monkeypatch.setattr(rollback_module.receipt, "store", made.keep)
    monkeypatch.setattr(rollback_module.timings, "store", lambda *_: None)
    monkeypatch.setattr(
        rollback_module.recover, "after_cancel", lambda env: made.cleaned.append(env.name)
    )
    return made


@pytest.fixture
def fleet(played: Played) -> Played:
    played.hosts = [WEB1, WEB2]
    return played


def test_one_host_is_asked_once_and_knows_who_asks(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback("prod", Wish())

    ((host, verb, option, owner, *more),) = played.asked
    assert (host, verb, option, more) == ("web1", "rollback", "--owner", ["--explain", 77])
    assert "(process " in owner
    said, seen = capsys.readouterr().out.splitlines()
    assert said == "web1: r1 is live (blue)"
    assert seen.startswith("400 requests, 0 failed; ")
    assert played.kept == ["prod shop web1"]


def test_a_host_of_an_earlier_version_has_no_receipt_and_is_rolled_back_all_the_same(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.receipt = None

    rollback("prod", Wish())

    assert capsys.readouterr().out == "web1: r1 is live (blue)\n"


def test_one_host_is_told_every_wish(played: Played) -> None:
    rollback("prod", WISH)

    assert played.asked[0][5:] == (
        "--release", "r1", "--current-env", "--force", "--wait", "30", 107
    )  # fmt: skip


def test_what_the_host_says_against_it_is_the_error(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise HostError("web1", "the database is at schema bb", next_step="--force")

    monkeypatch.setattr(ssh, "program", refuse)

    with pytest.raises(TurnoutError, match="web1: the database is at schema bb"):
        rollback("prod", Wish())


def test_one_host_goes_the_way_of_a_fleet_where_hooks_are_to_run(played: Played) -> None:
    played.needs_playbook = True

    rollback("prod", WISH)

    assert played.asked == []
    assert played.variables is not None


def test_several_hosts_go_back_in_one_transaction(
    fleet: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    rollback("prod", WISH)

    assert fleet.asked == []
    assert fleet.variables == {
        "release_rollback_to": "r1",
        "release_rollback_current_env": True,
        "release_rollback_force": True,
        "release_wait_seconds": 30,
        "app_batch": "1",
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["web1: r1 is live (blue)", "web2: r1 is live (blue)"]
    assert lines[2].startswith("800 requests, 0 failed; ")
    assert lines[3].endswith("s: Switch 0.5")


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
