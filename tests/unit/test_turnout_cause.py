"""Plain Ansible ends a failed run with its first cause and what to do about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.callback import turnout_cause
from plugins.callback.turnout_cause import CallbackModule, told

FULL = {
    "msg": "the disk of /srv/hello is full. Next: make room",
    "cause": "the disk of /srv/hello is full",
    "next_step": "make room",
}


class Shown:
    """Takes what the callback displays."""

    def __init__(self) -> None:
        self.text = ""

    def display(self, text: str, **_: Any) -> None:
        self.text += text


def failed(host: str, task: str, **result: Any) -> SimpleNamespace:
    named = SimpleNamespace(get_name=lambda: host)
    return SimpleNamespace(host=named, task=SimpleNamespace(name=task), result=result)


def callback() -> CallbackModule:
    made = CallbackModule()
    made._display = Shown()
    made.v2_playbook_on_start(SimpleNamespace(_file_name="/x/playbooks/deploy.yml"))
    return made


def ended(made: CallbackModule, **failures: int) -> str:
    made.v2_playbook_on_stats(SimpleNamespace(failures=failures, dark={}))
    return str(made._display.text).strip()


def test_the_first_failure_is_told_and_not_its_consequences() -> None:
    made = callback()
    made.v2_runner_on_failed(failed("web1", "Stage the release", **FULL))
    made.v2_runner_on_failed(failed("web2", "Report the failed deploy", msg="withdrawn"))

    assert ended(made, web1=1).splitlines() == [
        "deploy failed on web1: Stage the release",
        "  the disk of /srv/hello is full",
        "Next: make room",
    ]


def test_the_phase_is_told_where_another_ones_call_went_through_it() -> None:
    result = {**FULL, "phase": "start"}

    assert told("deploy", "web1", "Stage the release", result).startswith(
        "deploy failed on web1: Stage the release, in Start\n"
    )
    assert ", in" not in told("deploy", "web1", "Start the idle slot", result)


def test_the_folder_with_everything_stands_before_the_next_step() -> None:
    result = {**FULL, "failure_folder": ".turnout/failures/now-hello/web1"}

    assert told("deploy", "web1", "Start", result).splitlines()[-2:] == [
        "  Everything about it: .turnout/failures/now-hello/web1",
        "Next: make room",
    ]


def test_a_failure_that_was_put_right_is_not_told() -> None:
    made = callback()
    made.v2_runner_on_failed(failed("web1", "Stage the release", **FULL))

    assert ended(made) == ""


def test_an_ignored_failure_is_not_the_cause() -> None:
    made = callback()
    made.v2_runner_on_failed(failed("web1", "Look", msg="no"), ignore_errors=True)

    assert ended(made, web1=1) == ""


def test_an_unreachable_host_is_told_with_the_words_of_ssh() -> None:
    said = 'Data could not be sent. Make sure this host can be reached over ssh: ssh: no "h"'
    words = told("deploy", "web1", "Preflight", {"msg": said, "unreachable": True})

    assert '  The host cannot be reached: ssh: no "h"' in words.splitlines()
    assert "ansible_port" in words
    assert "web1 in the inventory" in words


def test_a_loop_is_told_by_its_first_failed_item() -> None:
    items = [{"msg": "fine"}, {"msg": "disk full", "failed": True}]

    assert "  disk full" in told("deploy", "web1", "Copy", {"results": items, "msg": "One or more"})


@pytest.mark.parametrize(("stdout_callback", "silent"), [("awx_display", True), ("default", False)])
def test_under_ansible_runner_whoever_started_it_tells_the_cause(
    monkeypatch: pytest.MonkeyPatch, stdout_callback: str, silent: bool
) -> None:
    constants = SimpleNamespace(DEFAULT_STDOUT_CALLBACK=stdout_callback)
    monkeypatch.setattr(turnout_cause, "constants", constants)

    assert CallbackModule().disabled is silent
