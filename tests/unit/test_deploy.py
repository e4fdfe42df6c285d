"""What a deploy does before and after its playbook, and what is said at its end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT
from turnout import build, deploy, recover, unchanged
from turnout.build import EarlyBuild
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.playbooks import Result
from turnout.progress import Cell, Failure, Progress

PROD = Environment("prod", "shop", [Host("web1", "web1", url="https://shop.example.com")])
BOOKWORM = {"python": "3.11", "machine": "x86_64", "glibc": "2.36"}


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (build, unchanged):
        monkeypatch.setattr(module, "CACHE", tmp_path)


def early(monkeypatch: pytest.MonkeyPatch, make: Any) -> EarlyBuild:
    monkeypatch.setattr(build, "make", make)
    return EarlyBuild(PROD, lambda line: None, dirty=False, tests=True)


def test_an_early_build_that_fails_ends_the_deploy_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(*arguments: Any, **more: Any) -> None:
        raise TurnoutError("The app's tests failed.")

    build.remember_targets("prod", [BOOKWORM])
    started = early(monkeypatch, make)
    started.start()

    assert started.failed.wait(5)
    assert started.error is not None
    assert started.error.what == "The app's tests failed."


def test_an_early_build_signs_what_it_made_while_ansible_still_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = threading.Event()
    monkeypatch.setattr(build, "sign", lambda environment, artifact: signed.set())
    build.remember_targets("prod", [BOOKWORM])

    early(monkeypatch, lambda *arguments, **more: "an artifact").start()

    assert signed.wait(5)


def test_there_is_no_early_build_before_the_hosts_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(*arguments: Any, **more: Any) -> None:
        raise AssertionError("must not build")

    started = early(monkeypatch, make)
    started.start()

    assert not started.failed.is_set()


def test_the_kinds_of_host_are_remembered_once_each() -> None:
    build.remember_targets("prod", [BOOKWORM, dict(BOOKWORM)])

    assert build.known_targets("prod") == [BOOKWORM]


def test_the_end_of_a_deploy_says_address_slot_release_and_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live = {"host": "web1", "url": "https://shop.example.com", "live": "green", "release": "r2"}
    phases = {"Stage": {"web1": Cell("changed", 1.5)}}

    deploy._conclude(PROD, Progress(phases=phases, seconds={"Stage": 1.5}), [live], 7.25)

    assert capsys.readouterr().out.splitlines() == [
        "https://shop.example.com  green  r2  (web1)",
        "7.2 s: Stage 1.5",
    ]


def test_a_deploy_that_had_nothing_to_do_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy._conclude(PROD, Progress(), [], 2.0)

    assert "live already" in capsys.readouterr().out


class Runs:
    """Stands for the playbooks: remembers each run, and ends it as it is told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.variables: dict[str, Any] = {}
        self.progress = Progress(phases={"Stage": {"web1": Cell("changed", 1.5)}})
        self.exit_code = 0
        self.cancelled = False
        self.connected: list[Host] = []
        self.timed: list[str] = []
        self.cleaned: list[Environment] = []
        self.asked: list[Environment] = []

    def run(self, name: str, env: str, *, check: bool = False, **more: Any) -> Result:
        self.names.append(f"{name} --check" if check else name)
        self.variables = more.get("variables") or {}
        for phases in ({}, self.progress.phases, self.progress.phases):
            more["listener"].update(Progress(phases=phases))
        return Result(name, env, self.exit_code, self.cancelled, self.progress)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """An environment that is there, whose playbooks do what the test says."""
    made = Runs()
    provisioned: set[str] = set()
    monkeypatch.setattr(deploy, "run", made.run)
    monkeypatch.setattr(deploy.openssh, "connect_ahead", made.connected.append)
    monkeypatch.setattr(deploy.timings, "store", lambda *_: made.timed.append(made.names[-1]))
    monkeypatch.setattr(recover, "after_cancel", made.cleaned.append)
    monkeypatch.setattr(deploy.status, "ask", lambda one: made.asked.append(one) or [])
    monkeypatch.setattr(
        deploy.local, "ready", lambda env: Environment(env, "shop", list(PROD.hosts))
    )
    monkeypatch.setattr(deploy.local, "is_provisioned", provisioned.__contains__)
    monkeypatch.setattr(deploy.local, "remember_provision", provisioned.add)
    return made


def test_the_first_deploy_on_this_machine_provisions_and_the_next_does_not(runs: Runs) -> None:
    deploy.deploy("local")
    deploy.deploy("local")

    assert runs.names == ["provision", "deploy", "deploy"]


def test_hosts_that_told_what_is_live_with_their_commit_are_not_asked_again(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {host.name: {"live": "green", "release": "r2"} for host in PROD.hosts}
    runs.progress.states = dict(list(told.items())[:-1])
    deploy.deploy("prod")
    assert [environment.name for environment in runs.asked] == ["prod"]

    runs.progress.states = told
    deploy.deploy("prod")
    assert len(runs.asked) == 1
    assert capsys.readouterr().out.count("green  r2") == len(PROD.hosts)


def test_a_real_environment_is_provisioned_only_when_somebody_says_so(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.deploy("prod")
    assert runs.names == ["deploy"]

    deploy.provision("prod")
    assert runs.names == ["deploy", "provision"]
    assert "Provisioned shop in prod" in capsys.readouterr().out


def test_a_dry_run_shows_the_differences_and_remembers_nothing(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.progress.differences = ["web1, Publish the site:", "  +listen 443"]

    deploy.deploy("local", check=True)

    assert runs.names == ["provision --check", "deploy --check"]
    assert "+listen 443" in capsys.readouterr().out
    assert not deploy.local.is_provisioned("local")


def test_a_deploy_that_fails_is_told_with_its_first_cause(runs: Runs) -> None:
    runs.exit_code = 2
    runs.progress.failures = [
        Failure("web1", "Start", "Start the idle slot", "ImportError: no module named shop")
    ]

    with pytest.raises(TurnoutError, match="deploy of prod failed on web1 in Start") as caught:
        deploy.deploy("prod")

    assert "no module named shop" in caught.value.why


def test_a_deploy_that_went_back_says_what_it_cost_visitors(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy.receipt, "store", lambda *_: [])
    runs.exit_code = 2
    runs.progress.failures = [Failure("web1", "Bake", "Bake", "6 of 40 requests failed")]
    runs.progress.receipts = {"web1": {**RECEIPT, "failed": 6}}

    with pytest.raises(TurnoutError, match="in Bake"):
        deploy.deploy("prod")

    assert "6 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        ({}, {}),
        ({"dirty": True}, {"app_allow_dirty": True}),
        ({"tests": False}, {"release_test": False}),
        ({"wait": 60}, {"release_wait_seconds": 60}),
        ({"artifact": "a1"}, {"release_artifact": "a1"}),
    ],
)
def test_flags_become_settings_of_the_play(
    runs: Runs, flags: dict[str, Any], variables: dict[str, Any]
) -> None:
    deploy.deploy("prod", **flags)

    assert runs.variables == variables


def test_connections_are_made_while_ansible_starts_and_times_are_kept(runs: Runs) -> None:
    deploy.deploy("prod")

    assert runs.connected == PROD.hosts
    assert runs.timed == ["deploy"]


def test_a_cancelled_deploy_is_put_right_on_the_hosts_at_once(runs: Runs) -> None:
    runs.exit_code, runs.cancelled = 254, True

    with pytest.raises(TurnoutError):
        deploy.deploy("prod")

    assert [environment.name for environment in runs.cleaned] == ["prod"]


def test_a_build_that_fails_early_is_the_cause_whatever_the_play_said(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*arguments: Any, **more: Any) -> None:
        raise TurnoutError("The app's tests failed.", "1 failed", "mend them")

    def run(*arguments: Any, cancel: Any, **more: Any) -> Result:
        assert cancel.wait(5), "the play is ended as soon as the build has failed"
        return Result("deploy", "prod", 1, True, Progress())

    build.remember_targets("prod", [BOOKWORM])
    monkeypatch.setattr(build, "make", make)
    monkeypatch.setattr(deploy, "run", run)

    with pytest.raises(TurnoutError, match="failed in Build: The app's tests failed") as caught:
        deploy.deploy("prod")

    assert (caught.value.why, caught.value.next_step) == ("1 failed", "mend them")
    assert runs.cleaned == []


def test_a_host_that_cannot_be_asked_after_the_deploy_has_been_deployed_all_the_same(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"host": "web1", "error": "port 22 is closed"}
    monkeypatch.setattr(deploy.status, "ask", lambda environment: [gone])

    deploy.deploy("prod")

    assert "web1: deployed, but status failed: port 22 is closed" in capsys.readouterr().out
