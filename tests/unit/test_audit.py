"""What `audit` says of the hosts' answers, and its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnout import audit as audit_module
from turnout.audit import audit
from turnout.environment import Environment, Host
from turnout.reach import HostError

ssh = pytest.importorskip("turnout.ssh")
HOSTS = [Host("web1", "192.0.2.1"), Host("web2", "192.0.2.2")]
EDITED = {
    "path": "/srv/shop/releases/r2/code/[a].py",
    "what": "changed",
    "kind": "file",
    "since": "2026-11-24T03:12:00Z",
}


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two hosts; the fixture maps each name to what its program answers, or to an error."""
    clean = {"app": "shop", "under_way": False, "differences": [], "lines": []}
    answers: dict[str, Any] = {"web1": dict(clean), "web2": dict(clean)}

    def program(host: Host, app: str, verb: str, *, timeout: int) -> Any:
        assert (app, verb) == ("shop", "audit")
        said = answers[host.name]
        if isinstance(said, HostError):
            raise said
        return said

    monkeypatch.setattr(audit_module, "load", lambda env: Environment(env, "shop", HOSTS))
    monkeypatch.setattr(ssh, "program", program)
    return answers


def test_a_clean_fleet_is_one_line(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("prod")
    assert capsys.readouterr().out == "shop in prod: as it was shipped, on 2 hosts\n"


def test_each_difference_is_told_with_its_host(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet["web2"]["differences"] = [EDITED]

    assert not audit("prod")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "web2"
    assert lines[2].split() == [EDITED[column] for column in ("kind", "what", "since", "path")]
    assert "shop in prod: 1 difference on 2 hosts" in lines
    assert "invoke provision --env prod" in lines[-1]


def test_a_host_that_does_not_answer_is_no_clean_one(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet["web1"] = HostError("web1", "port 22 is closed", next_step="start sshd")

    assert not audit("prod")

    said = capsys.readouterr().out
    assert "web1: port 22 is closed\n  Next: start sshd" in said
    assert "as it was shipped, on 1 of 2 hosts" in said


def test_a_deploy_that_is_under_way_is_said(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet["web1"]["under_way"] = True

    assert audit("prod")
    assert "web1: a deploy is under way" in capsys.readouterr().out


def test_programs_get_a_document(fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    fleet["web1"]["differences"] = [EDITED]
    fleet["web2"] = HostError("web2", "no answer", next_step="look")

    assert not audit("prod", as_json=True)

    assert json.loads(capsys.readouterr().out) == {
        "env": "prod",
        "app": "shop",
        "hosts": [
            {"host": "web1", "under_way": False, "differences": [EDITED]},
            {"host": "web2", "error": "no answer", "next_step": "look"},
        ],
    }
