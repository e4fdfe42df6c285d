"""What is built for whom: the kinds of host are asked for, remembered, and passed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import turnout_build
from turnout import build, local, ssh
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.reach import HostError

SETTINGS = {"name": "shop", "source": "app", "entry": "shop:app", "python": ">=3.11"}
PROD = Environment("prod", "shop", [Host("web1", "web1"), Host("web2", "web2")], build=SETTINGS)
BOOKWORM = {"python": "3.11", "machine": "x86_64", "glibc": "2.36"}
TRIXIE = {"python": "3.13", "machine": "x86_64", "glibc": "2.41"}


@pytest.fixture(autouse=True)
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each host answers; an error where it does not."""
    answers: dict[str, Any] = {"web1": BOOKWORM, "web2": TRIXIE}

    def output(host: Host, words: list[str]) -> str:
        if isinstance(answers[host.name], HostError):
            raise answers[host.name]
        return json.dumps(answers[host.name])

    monkeypatch.setattr(ssh, "output", output)
    monkeypatch.setattr(build, "CACHE", tmp_path)
    return answers


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """A build library that has everything made; returns how it was called."""
    calls: list[dict[str, Any]] = []

    class Made:
        path = tmp_path / "artifact.tar.zst"

    def fake(spec: Any, targets: Any, work: Path, **more: Any) -> Made:
        calls.append({"spec": spec, "targets": targets, **more})
        return Made()

    monkeypatch.setattr(turnout_build.AppSpec, "from_settings", lambda settings: settings)
    monkeypatch.setattr(turnout_build, "build", fake)
    return calls


def test_each_kind_of_host_is_built_for_and_remembered(hosts: dict[str, Any]) -> None:
    assert build.ask_targets(PROD) == [BOOKWORM, TRIXIE]

    assert build.known_targets("prod") == [BOOKWORM, TRIXIE]


def test_a_host_that_is_away_is_built_for_as_it_was(
    hosts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    build.remember_targets("prod", [BOOKWORM])
    hosts["web2"] = HostError("web2", "port 22 is closed")

    assert build.ask_targets(PROD) == [BOOKWORM]
    assert "web2: port 22 is closed; building for what the hosts were before" in (
        capsys.readouterr().err
    )


def test_a_host_that_was_never_met_must_be_there(hosts: dict[str, Any]) -> None:
    hosts["web2"] = HostError("web2", "port 22 is closed")

    with pytest.raises(HostError, match="web2: port 22 is closed"):
        build.ask_targets(PROD)


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "targets-prod.json").write_text("half a fi")

    assert build.known_targets("prod") == []


def test_the_path_of_the_artifact_is_the_last_line(
    library: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(local, "ready", lambda env: PROD)

    build.build("prod")

    assert capsys.readouterr().out.splitlines()[-1].endswith("artifact.tar.zst")
    (call,) = library
    assert [target.python for target in call["targets"]] == ["3.11", "3.13"]
    assert call["test"] is False


@pytest.mark.parametrize("dirty", [True, False])
def test_changes_that_are_not_committed_are_shipped_only_when_asked_for(
    library: list[dict[str, Any]], dirty: bool
) -> None:
    build.make(PROD, [BOOKWORM], print, dirty=dirty, tests=True)

    assert library[0]["spec"] == SETTINGS | ({"allow_dirty": True} if dirty else {})
    assert library[0]["test"] is True


def test_a_build_that_fails_shows_the_end_of_what_the_tool_said(
    library: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "\n".join(f"line {number}" for number in range(100))

    def fail(*arguments: Any, **more: Any) -> None:
        raise turnout_build.BuildError("The app's tests failed", "exit 1", "mend them", said)

    monkeypatch.setattr(turnout_build, "build", fail)

    with pytest.raises(TurnoutError, match=r"The app's tests failed\.") as caught:
        build.make(PROD, [BOOKWORM], print)

    lines = caught.value.why.splitlines()
    assert lines[0] == "exit 1"
    assert lines[1:] == [f"| line {number}" for number in range(70, 100)]
    assert caught.value.next_step == "mend them"
