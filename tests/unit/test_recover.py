"""What recover and unlock make of the hosts' answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from turnout import recover as recover_module
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.reach import HostError
from turnout.recover import after_cancel, recover, unlock
from turnout_build import owner

PROD = Environment("prod", "shop", [Host("web1", "web1"), Host("web2", "web2")])
ALICE = {"owner": "alice@laptop (process 1)", "reason": "deploy", "seconds_left": 50}


class Fleet:
    """Two hosts: what `status` says of them, and what they were asked."""

    def __init__(self) -> None:
        self.hosts = {name: self.state("r1", "r1") for name in ("web1", "web2")}
        self.asked: list[tuple[str, ...]] = []
        self.fails: dict[str, HostError] = {}

    @staticmethod
    def state(release: str, *verified: str, **more: Any) -> dict[str, Any]:
        known = {"release": release, "live": "blue", "lease": None}
        return {**known, "verified_releases": list(verified), **more}

    def status(self, _environment: Environment) -> list[dict[str, Any]]:
        return [{"host": name, **state} for name, state in self.hosts.items()]

    def program(self, host: Host, app: str, verb: str, *words: str, timeout: int) -> Any:
        self.asked.append((host.name, verb, *words))
        if host.name in self.fails:
            raise self.fails[host.name]
        state = self.hosts[host.name]
        if verb == "rollback":
            state["release"] = words[-1]
        lease, state["lease"] = state["lease"], None
        reverted = bool(lease)
        known = {"owner": lease and lease["owner"], "reached": "after its start"}
        return {**state, "reverted": reverted, **known}


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet()
    monkeypatch.setattr(recover_module, "load", lambda env: PROD)
    monkeypatch.setattr(recover_module.status, "ask", made.status)
    monkeypatch.setattr(recover_module.ssh, "program", made.program)
    return made


def test_every_host_is_put_right_and_told(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.hosts["web2"]["lease"] = dict(ALICE)

    recover("prod")

    assert {asked[:2] for asked in fleet.asked} == {("web1", "recover"), ("web2", "recover")}
    said = capsys.readouterr().out
    assert "web2: put right what alice@laptop (process 1) left, which died after its start" in said


def test_owners_of_this_machine_that_are_dead_are_named(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "is_dead", lambda name: name == ALICE["owner"])
    fleet.hosts["web2"]["lease"] = dict(ALICE)

    recover("prod")

    assert ("web1", "recover", "--dead", ALICE["owner"]) in fleet.asked


def test_hosts_that_are_ahead_go_back_to_what_all_have_verified(fleet: Fleet) -> None:
    fleet.hosts["web1"] = fleet.state("r2", "r0", "r1", "r2")
    fleet.hosts["web2"] = fleet.state("r1", "r0", "r1")

    recover("prod")

    assert ("web1", "rollback", "--release", "r1") in fleet.asked
    assert not any(asked[:2] == ("web2", "rollback") for asked in fleet.asked)


def test_a_fleet_without_a_release_in_common_is_told_to_deploy(fleet: Fleet) -> None:
    fleet.hosts["web1"] = fleet.state("r2", "r2")

    with pytest.raises(TurnoutError, match="none that all have") as mixed:
        recover("prod")

    assert "invoke deploy --env prod" in str(mixed.value)


def test_a_host_that_is_being_changed_is_left_alone(fleet: Fleet) -> None:
    fleet.fails["web1"] = HostError("web1", "shop is being changed by bob@ci (process 2)")

    with pytest.raises(HostError, match="is being changed by bob@ci"):
        recover("prod")


@pytest.mark.parametrize("free", [recover, lambda env: unlock(env, yes=True)])
def test_a_host_that_does_not_answer_is_named_once_the_others_are_free(
    fleet: Fleet, free: Callable[[str], None]
) -> None:
    fleet.hosts["web2"] = {"error": "no answer", "why": "timeout", "next_step": "look at it"}

    with pytest.raises(HostError, match="web2: no answer"):
        free("prod")
    assert [asked[:2] for asked in fleet.asked] == [("web1", "recover")]


def test_unlock_says_whose_it_is_and_asks(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.hosts["web1"]["lease"] = dict(ALICE)
    monkeypatch.setattr(recover_module, "_confirmed", lambda env: False)

    with pytest.raises(TurnoutError, match="left as it is"):
        unlock("prod")

    assert "web1: alice@laptop (process 1) (deploy, 50 s left)" in capsys.readouterr().out
    assert fleet.asked == []


def test_unlock_frees_every_host_when_somebody_says_yes(fleet: Fleet) -> None:
    fleet.hosts["web1"]["lease"] = dict(ALICE)

    unlock("prod", yes=True)

    assert ("web1", "recover", "--force") in fleet.asked
    assert fleet.hosts["web1"]["lease"] is None


def test_without_a_terminal_nobody_is_asked(fleet: Fleet) -> None:
    fleet.hosts["web1"]["lease"] = dict(ALICE)

    with pytest.raises(TurnoutError, match="invoke unlock --yes"):
        unlock("prod")


def test_a_cancelled_deploy_never_fails_once_more(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.fails["web1"] = HostError("web1", "gone")

    after_cancel(PROD)

    assert "will go back by themselves" in capsys.readouterr().err
