"""A second deploy is told who was first, unless that one is known to be dead."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.action import turnout_lease
from turnout_build import owner


@pytest.fixture
def dead() -> str:
    """A process of this machine that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return owner.name("alice", child.pid)


def run(found: dict[str, Any], **changes: Any) -> dict[str, Any]:
    given = {"actor": "bob", "reason": "deploy", "seconds": 900, "wait_seconds": 0}
    given |= {"continues": False, "found": found}
    action = object.__new__(turnout_lease.ActionModule)
    action.validate_argument_spec = lambda argument_spec: (None, {**given, **changes})
    return dict(action.run())


@pytest.fixture(autouse=True)
def _no_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnout_lease.ActionBase, "run", lambda *_: {})


def held(by: str, seconds_left: int = 600) -> dict[str, Any]:
    return {"owner": by, "reason": "deploy", "seconds_left": seconds_left}


def test_every_deploy_has_a_token_of_its_own_and_names_its_process() -> None:
    first, second = run({"web1": None})["lease"], run({"web1": None})["lease"]

    assert first["token"] != second["token"]
    began = owner.beginning(os.getppid())
    told = f"bob@{platform.node()} (process {os.getppid()}, {owner.place()}-{began})"
    assert first["owner"] == told
    assert (first["seconds"], first["dead"]) == (900, [])


def test_who_was_first_is_named_with_host_and_time_and_remedy() -> None:
    refused = run({"web1": None, "web2": held("alice@ci (process 7)")})

    assert refused["failed"]
    assert "web2 is being changed by alice@ci (process 7) (deploy)" in refused["cause"]
    assert "600 s" in refused["cause"]
    assert "invoke unlock" in refused["next_step"]
    assert "--wait" in refused["next_step"]


def test_whoever_waits_is_not_refused_before() -> None:
    assert run({"web1": held("alice@ci (process 7)")}, wait_seconds=60)["lease"]


def test_a_lease_that_is_over_stands_in_nobodys_way() -> None:
    assert run({"web1": held("alice@ci (process 7)", seconds_left=0)})["lease"]


def test_a_dead_process_of_this_machine_stands_in_nobodys_way(dead: str) -> None:
    assert run({"web1": held(dead), "web2": held(dead)})["lease"]["dead"] == [dead]


def test_a_living_process_of_this_machine_does() -> None:
    assert run({"web1": held(owner.name("alice", os.getpid()))})["failed"]


@pytest.mark.parametrize(
    "name", ["alice@elsewhere (process 999999, abcdef)", "alice", "", "x (process 1)"]
)
def test_of_other_machines_nothing_is_known(name: str) -> None:
    assert not owner.is_dead(name)


def test_two_containers_of_one_name_do_not_take_each_other_for_dead(
    dead: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert owner.is_dead(dead)
    (tmp_path / "pid").symlink_to("pid:[42]")
    monkeypatch.setattr(owner, "NAMESPACE", tmp_path / "pid")

    assert not owner.is_dead(dead)


def test_where_nothing_tells_the_place_nobody_is_called_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dead: str
) -> None:
    monkeypatch.setattr(owner, "BOOT", tmp_path / "none")

    assert not owner.is_dead(dead)
    assert not owner.is_dead(owner.name("alice", 999_999))


PARKED = {"owner": "alice@ci (process 7)", "reason": "canary", "seconds_left": 9000, "parked": 10}


@pytest.mark.parametrize("wait_seconds", [0, 60])
def test_a_deploy_that_meets_a_canary_is_told_how_to_end_it(wait_seconds: int) -> None:
    refused = run({"web1": None, "web2": PARKED}, wait_seconds=wait_seconds)

    assert refused["cause"] == "web2 has a canary at 10 %, by alice@ci (process 7)"
    assert "--finish, or --abort" in refused["next_step"]


def test_whoever_left_a_canary_is_not_taken_for_dead(dead: str) -> None:
    assert run({"web1": {**PARKED, "owner": dead}})["failed"]


def test_anybody_goes_on_with_a_canary() -> None:
    lease = run({"web1": PARKED}, continues=True)["lease"]

    assert lease["continues"]
    assert lease["dead"] == []


def test_a_canary_whose_time_is_over_stands_in_nobodys_way() -> None:
    assert run({"web1": {**PARKED, "seconds_left": 0}})["lease"]


def test_a_process_that_got_the_number_of_a_dead_one_is_another_one() -> None:
    alive = owner.name("alice", os.getpid())
    began = owner.beginning(os.getpid())

    assert not owner.is_dead(alive)
    assert owner.is_dead(alive.replace(began, str(int(began) - 1)))
    assert not owner.is_dead(alive.replace(f"-{began}", ""))
