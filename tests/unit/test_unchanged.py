"""A deploy that would change nothing says so without starting Ansible, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout import deploy as deploy_module
from turnout import unchanged
from turnout.environment import Environment, Host

PROD = Environment("prod", "shop", [Host("web1", "web1"), Host("web2", "web2")])


def host(**changes: Any) -> dict[str, Any]:
    return {
        "host": "web1",
        "url": "https://shop.example.com",
        "live": "green",
        "release": "a1-r1",
        "split": {"blue": 0, "green": 100},
        "slots": {"green": {"release": "a1-r1", "state": "live"}},
        **changes,
    }


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the hosts say; the code makes the release a1-r1, which was deployed last."""
    hosts = [host(), host(host="web2")]
    monkeypatch.setattr(unchanged, "CACHE", tmp_path)
    monkeypatch.setattr(unchanged, "expected_release", lambda *_, **__: "a1-r1")
    monkeypatch.setattr(unchanged.status, "ask", lambda environment: hosts)
    unchanged.remember("prod", hosts)
    return hosts


def test_the_same_release_live_everywhere_needs_no_deploy(fleet: list[dict[str, Any]]) -> None:
    assert unchanged.live_already(PROD) == fleet


@pytest.mark.parametrize(
    "change",
    [
        {"release": "a1-r0"},
        {"live": None, "release": None},
        {"lease": {"owner": "bob", "seconds_left": 0}},
        {"split": {"blue": 5, "green": 95}},
        {"slots": {"green": {"release": "a1-r1", "state": "stopped"}}},
    ],
)
def test_one_host_that_differs_needs_a_deploy(
    fleet: list[dict[str, Any]], change: dict[str, Any]
) -> None:
    fleet[1].update(change)

    assert unchanged.live_already(PROD) is None


def test_a_host_that_does_not_answer_needs_a_deploy(fleet: list[dict[str, Any]]) -> None:
    fleet[1] = {"host": "web2", "url": "", "error": "no answer", "why": "", "next_step": ""}

    assert unchanged.live_already(PROD) is None


@pytest.mark.parametrize("expected", ["a2-r1", "a1-r2", None])
def test_new_code_or_configuration_is_deployed_without_asking_first(
    fleet: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, expected: str | None
) -> None:
    def ask(environment: Environment) -> None:
        raise AssertionError("must not lose time with a question")

    monkeypatch.setattr(unchanged, "expected_release", lambda *_, **__: expected)
    monkeypatch.setattr(unchanged.status, "ask", ask)

    assert unchanged.live_already(PROD) is None


def test_a_mixed_fleet_is_not_remembered(fleet: list[dict[str, Any]]) -> None:
    unchanged.remember("prod", [fleet[0], host(release="a0-r1")])

    assert unchanged.live_already(PROD) is None


def test_ansible_is_not_started_when_nothing_has_changed(
    fleet: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise AssertionError("must not run a playbook")

    monkeypatch.setattr(deploy_module.local, "ready", lambda env: PROD)
    monkeypatch.setattr(deploy_module, "run", run)

    deploy_module.deploy("prod")

    assert "live already" in capsys.readouterr().out
