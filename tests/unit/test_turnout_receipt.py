"""Plain Ansible says what the probe of each host has seen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.callback import turnout_receipt
from plugins.callback.turnout_receipt import CallbackModule


@pytest.fixture
def shown() -> list[str]:
    return []


def ended(shown: list[str], **result: Any) -> None:
    made = CallbackModule()
    made._display = SimpleNamespace(display=shown.append)
    host = SimpleNamespace(get_name=lambda: "web1")
    made.v2_runner_on_ok(SimpleNamespace(host=host, result=result))


def test_the_line_names_the_host_and_says_the_figures(shown: list[str]) -> None:
    ended(shown, receipt={"requests": 9}, words="9 requests, 0 failed")

    assert shown == ["web1: 9 requests, 0 failed"]


def test_a_task_without_a_receipt_says_nothing(shown: list[str]) -> None:
    ended(shown, changed=True, words="of another module")

    assert shown == []


def test_it_is_silent_where_invoke_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnout_receipt.constants, "DEFAULT_STDOUT_CALLBACK", "awx_display")

    assert CallbackModule().disabled
