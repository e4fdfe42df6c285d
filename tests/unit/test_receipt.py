"""What the probes have seen is told in one line, shown as a table, and kept with its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.receipt_samples import RECEIPT, UNSEEN
from turnout import deploy, receipt, ssh
from turnout.environment import Environment, Host
from turnout.progress import Cell, Progress
from turnout.reach import HostError

PROD = Environment("prod", "shop", [Host("web1", "web1"), Host("web2", "web2")])


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What each host answers; receipts are kept in a folder of the test's own."""
    given: dict[str, Any] = {"web1": RECEIPT, "web2": RECEIPT}
    monkeypatch.setattr(receipt, "load", lambda env: PROD)
    monkeypatch.setattr(receipt, "store", lambda *all: KEPT(*all, folder=tmp_path))
    monkeypatch.setattr(
        ssh, "on_each", lambda hosts, _: {one.name: given[one.name] for one in hosts}
    )
    return given


KEPT = receipt.store


def test_a_table_has_a_row_for_each_host_and_says_where_the_pictures_are(
    answers: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers["web2"] = {**RECEIPT, "failed": 3, "finished": False}
    receipt.receipt("prod")

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "web1 r2 deploy: live 400 0 1.2 ms 4.0 ms 5.0 ms 0.4 ms 50 ms" in lines
    assert "web2 r2 deploy: live, still measured 400 3 1.2 ms 4.0 ms 5.0 ms 0.4 ms 50 ms" in lines
    pictures = sorted(tmp_path.glob("*.svg"))
    assert [file.stem for file in pictures] == [
        "20251124T160000Z-prod-web1", "20251124T160000Z-prod-web2",
    ]  # fmt: skip
    assert f"{pictures[0]} (.json beside it)" in lines
    assert json.loads(pictures[0].with_suffix(".json").read_text())["requests"] == 400
    assert "shop on web1: deploy of r2" in pictures[0].read_text()


def test_one_host_may_be_asked_alone_and_programs_get_json(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    receipt.receipt("prod", host="web2", as_json=True)

    printed = json.loads(capsys.readouterr().out)
    assert (printed["env"], printed["app"]) == ("prod", "shop")
    assert list(printed["hosts"]) == ["web2"]
    assert printed["hosts"]["web2"]["p99_ms"] == 4.0


def test_no_request_seen_is_said_in_words(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["web1"] = UNSEEN
    receipt.receipt("prod", host="web1")

    assert "web1: no request seen" in capsys.readouterr().out


def test_a_host_without_an_answer_fails_after_the_others_were_shown(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["web1"] = HostError("web1", "hello has no receipt on this host")

    with pytest.raises(HostError, match="no receipt"):
        receipt.receipt("prod")
    assert "web2" in capsys.readouterr().out


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "MOST_KEPT", 2)
    for day in range(3):
        receipt.store("prod", "shop", {"web1": {**RECEIPT, "began": day * 86400.0}}, tmp_path)

    assert [file.name[:8] for file in sorted(tmp_path.glob("*.svg"))] == ["19700102", "19700103"]
    assert len(list(tmp_path.iterdir())) == 4


def test_hosts_are_told_in_one_line_with_the_worst_of_each_figure() -> None:
    slow = {**RECEIPT, "requests": 100, "failed": 2, "p99_ms": 90.0, "last_old_answer_ms": None}

    assert receipt.together({"web1": RECEIPT, "web2": slow}) == (
        "500 requests, 2 failed; p50 1.2 ms, p99 90 ms, longest gap 5.0 ms; "
        "switch 0.4 ms, last old answer 50 ms after it (the worst of 2 hosts)"
    )


def test_hosts_that_saw_no_request_are_told() -> None:
    assert receipt.together({"web1": RECEIPT, "web2": UNSEEN}).endswith(
        "(the worst of 1 hosts; no request seen on 1)"
    )
    assert receipt.together({"web1": UNSEEN, "web2": UNSEEN}) == "no request seen on any of 2 hosts"


def test_a_deploy_ends_with_what_was_seen_and_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setattr(receipt, "store", lambda *all: KEPT(*all, folder=tmp_path))
    progress = Progress(phases={"Stage": {"web1": Cell("changed", 1.5)}})
    result = {"receipt": RECEIPT, "words": "400 requests"}
    progress.feed(
        {"event": "runner_on_ok", "event_data": {"host": "web1", "task": "Commit", "res": result}},
        1.0,
    )

    deploy._conclude(PROD, progress, [], 7.25)

    said = "400 requests, 0 failed; p50 1.2 ms"
    assert said in capsys.readouterr().out
    assert f"- {said}" in (tmp_path / "summary.md").read_text()
    assert list(tmp_path.glob("*.svg"))
