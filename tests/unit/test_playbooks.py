"""What a run's events tell: the phases, and above all the first cause."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.environment import Host
from turnout.explain import failure
from turnout.playbooks import Result
from turnout.progress import Progress, message_of, phase_of


def start(task: str, action: str = "turnout_start") -> dict[str, Any]:
    return {
        "event": "playbook_on_task_start",
        "event_data": {"task": task, "task_action": action, "role": "release"},
    }


def on(kind: str, host: str, task: str, **more: Any) -> dict[str, Any]:
    data = {"host": host, "task": task, "role": "release", "task_action": "turnout_start"}
    return {"event": f"runner_{kind}", "event_data": data | more}


def played(*events: dict[str, Any]) -> Progress:
    progress = Progress()
    for second, event in enumerate(events):
        progress.feed(event, float(second))
    return progress


def result(progress: Progress, env: str = "prod", *, cancelled: bool = False) -> Result:
    return Result("deploy", env, 2, cancelled, progress)


START = "Start the idle slot"
BROKEN = {
    "msg": "the new release never became healthy",
    "cause": "GET /health answered 500",
    "next_step": "read the log below, fix the app, deploy again",
    "evidence": "line 1\nRuntimeError: no database",
}
FAILED_DEPLOY = (
    start("Stage the release"),
    on("on_start", "web1", "Stage the release"),
    on("on_start", "web2", "Stage the release"),
    on("on_ok", "web1", "Stage the release", res={"changed": True}),
    on("on_ok", "web2", "Stage the release", res={"changed": True}),
    start(START),
    on("on_start", "web1", START),
    on("on_start", "web2", START),
    on("on_ok", "web2", START, res={"changed": True}),
    on("on_failed", "web1", START, res=BROKEN),
    start("Revert the hosts", "turnout_revert"),
    on("on_start", "web1", "Revert the hosts"),
    on("on_ok", "web1", "Revert the hosts", res={"changed": True}),
    start("Revert: say why", "ansible.builtin.fail"),
    on("on_failed", "web2", "Revert: say why", res={"msg": "withdrawn"}, task_action="fail"),
    on("on_failed", "web1", "Revert: say why", res={"msg": "withdrawn"}, task_action="fail"),
)


def test_the_first_failure_is_the_cause_and_not_its_consequences() -> None:
    first = played(*FAILED_DEPLOY).first_failure

    assert first is not None
    assert (first.host, first.phase) == ("web1", "Start")
    assert first.message == "the new release never became healthy"


def test_a_look_for_hooks_where_there_are_none_is_no_phase() -> None:
    look = {"task": "Look for hooks of the team", "role": "", "play": "Deploy"}

    assert phase_of(look, "Migrate") == "Migrate"


def test_a_hook_is_a_phase_of_its_own_with_the_teams_own_tasks() -> None:
    hooks = {"task": "Hooks run a command", "role": ""}
    own = {"task": "Take the host out of monitoring", "role": "", "play": "Deploy"}

    assert phase_of(hooks, "Start") == "Hooks"
    assert phase_of(own, "Hooks") == "Hooks"


def test_the_error_says_in_which_folder_everything_about_it_is() -> None:
    broken = {**BROKEN, "failure_folder": ".turnout/failures/now-hello/web1"}
    run = played(start(START), on("on_failed", "web1", START, res=broken))

    assert str(failure(result(run), [])).splitlines()[-2:] == [
        "  Everything about it: .turnout/failures/now-hello/web1",
        "Next: read the log below, fix the app, deploy again",
    ]


def test_the_error_names_host_step_answer_and_remedy() -> None:
    words = str(failure(result(played(*FAILED_DEPLOY)), []))

    assert words.splitlines()[0] == "deploy of prod failed on web1 in Start: Start the idle slot"
    assert "GET /health answered 500" in words
    assert "| RuntimeError: no database" in words
    assert words.splitlines()[-1] == "Next: read the log below, fix the app, deploy again"
    assert "withdrawn" not in words


def test_a_revert_that_failed_is_told_too() -> None:
    revert = on("on_failed", "web2", "Revert the hosts", res={"msg": "disk is read-only"})
    words = str(failure(result(played(*FAILED_DEPLOY[:-3], revert)), []))

    assert "in Start" in words.splitlines()[0]
    assert "The revert failed too, on web2: disk is read-only" in words


def test_hosts_with_the_same_failure_are_named_once() -> None:
    again = on("on_failed", "web2", START, res=BROKEN)

    assert "The same on web2." in str(failure(result(played(*FAILED_DEPLOY[:-5], again)), []))


def test_phases_hold_the_state_and_seconds_of_each_host() -> None:
    progress = played(*FAILED_DEPLOY)

    assert {host: cell.state for host, cell in progress.phases["Start"].items()} == {
        "web1": "failed",
        "web2": "changed",
    }
    assert progress.phases["Stage"]["web2"].seconds == 2.0
    assert progress.seconds["Stage"] == 4.0


def test_a_phase_that_did_one_thing_and_skipped_another_did_something() -> None:
    progress = played(
        start("Start a"),
        on("on_ok", "web1", "Start a", res={"changed": True}),
        on("on_skipped", "web1", "Start b"),
    )

    assert progress.phases["Start"]["web1"].state == "changed"


STAGE = "Stage the release"


def test_phases_that_one_call_went_through_have_their_own_times() -> None:
    steps = [{"phase": name, "seconds": 1.0} for name in ("stage", "migrate", "start", "switch")]
    progress = played(
        on("on_start", "web1", STAGE),
        on("on_ok", "web1", STAGE, res={"changed": True, "steps": steps[:2]}),
        on("on_skipped", "web1", "Migrate with the new release's code"),
    )

    assert progress.phases["Migrate"]["web1"].state == "changed"
    assert progress.phases["Migrate"]["web1"].seconds == 1.0
    assert progress.phases["Stage"]["web1"].seconds == 0.0


def test_what_hosts_do_at_the_same_time_in_one_call_takes_the_time_of_the_slowest() -> None:
    def took(seconds: float) -> dict[str, Any]:
        steps = [{"phase": "recall", "seconds": 0.0}, {"phase": "start", "seconds": seconds}]
        return {"changed": True, "steps": steps}

    recall = "Recall the release"
    progress = played(
        start(recall),
        *(on("on_start", f"web{n}", recall) for n in (1, 2, 3)),
        *(on("on_ok", f"web{n}", recall, res=took(n + 1.0)) for n in (1, 2, 3)),
        start("Switch to the release"),
    )

    assert progress.seconds == {"Recall": 2.0, "Start": 4.0}


def test_the_phase_that_failed_in_the_call_of_another_is_the_one_that_is_shown() -> None:
    progress = played(
        on("on_start", "web1", STAGE),
        on("on_failed", "web1", STAGE, res={"phase": "start", "cause": "green crashed"}),
    )

    assert progress.first_failure
    assert progress.first_failure.phase == "Start"
    assert progress.phases["Start"]["web1"].state == "failed"
    assert progress.phases["Stage"]["web1"].state == "changed"


def test_a_canary_that_fails_fails_as_a_canary_though_a_host_calls_it_a_bake() -> None:
    task = "Canary is watched with a share of 5"
    progress = played(
        on("on_start", "web1", task),
        on("on_failed", "web1", task, res={"phase": "bake", "cause": "it fails"}),
    )

    assert progress.first_failure
    assert progress.first_failure.phase == "Canary"
    assert {name: cells["web1"].state for name, cells in progress.phases.items()} == {
        "Canary": "failed"
    }


def test_a_canary_that_nobody_has_asked_for_is_not_shown() -> None:
    progress = played(
        start("Canary"),
        on("on_start", "web1", "Canary"),
        on("on_skipped", "web1", "Canary"),
        start("Bake the release"),
        on("on_start", "web1", "Bake the release"),
        on("on_skipped", "web1", "Bake the release"),
    )

    assert progress.phases == {}
    assert "Canary" not in progress.seconds


def test_a_canary_that_one_host_has_no_part_in_is_shown_for_the_others() -> None:
    progress = played(
        start("Canary gets a share of 5"),
        on("on_start", "web1", "Canary gets a share of 5"),
        on("on_start", "web2", "Canary gets a share of 5"),
        on("on_skipped", "web2", "Canary gets a share of 5"),
        on("on_ok", "web1", "Canary gets a share of 5", res={"changed": True}),
    )

    assert {host: cell.state for host, cell in progress.phases["Canary"].items()} == {
        "web1": "changed"
    }


def test_an_ignored_failure_is_not_the_cause() -> None:
    progress = played(
        start("Preflight a"),
        on("on_failed", "web1", "Preflight a", res={"msg": "no"}, ignore_errors=True),
    )

    assert progress.first_failure is None


def test_a_loop_tells_its_first_failed_item() -> None:
    progress = played(
        start("Stage files"),
        on("item_on_failed", "web1", "Stage files", res={"msg": "disk full"}),
        on("on_failed", "web1", "Stage files", res={"msg": "One or more items failed"}),
    )

    assert progress.first_failure is not None
    assert progress.first_failure.message == "disk full"


@pytest.mark.parametrize(
    ("said", "words", "remedy"),
    [
        ("root@h: Permission denied (publickey).", "SSH refused the key of user", "ansible_user"),
        ("ssh: Could not resolve hostname h", "does not resolve", "ansible_host"),
        ("connect to host h port 22: Connection refused", "is closed", "sshd"),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED!", "not the pinned one", "ssh-keygen -R"),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED!", "not the pinned one", "<env>/known_hosts"),
        ("Host key verification failed.", "is not known", "fingerprint"),
        ("Host key verification failed.", "is not known", "<env>/known_hosts"),
        ("no such identity: /k: No such file\nPermission denied", "cannot be used", "mode 0600"),
        ("kex_exchange_identification: Connection closed", "no SSH answers there", "ansible_port"),
        ("connect to host h port 22: Connection timed out", "no answer from", "firewall"),
    ],
)
def test_each_way_to_be_unreachable_has_its_own_words(said: str, words: str, remedy: str) -> None:
    event = on("on_unreachable", "web1", "Preflight a", res={"msg": said, "unreachable": True})
    error = failure(result(played(start("Preflight a"), event)), [Host("web1", "h")])

    assert words in error.why
    assert remedy in error.next_step


def test_what_ssh_said_stands_alone_without_the_words_around_it() -> None:
    said = "Task failed: Data could not be sent. Make sure it can be reached over ssh: ssh: refused"
    event = on("on_unreachable", "web1", "Preflight a", res={"msg": said, "unreachable": True})
    words = failure(result(played(start("Preflight a"), event)), [Host("web1", "h")]).why

    assert "ssh: refused" in words
    assert "Data could not be sent" not in words


def test_the_next_step_at_the_end_of_a_message_is_told_once() -> None:
    res = {"msg": "disk full. Next: make room", "cause": "disk full", "next_step": "make room"}
    event = on("on_failed", "web1", "Preflight a", res=res)
    words = str(failure(result(played(start("Preflight a"), event)), []))

    assert words.splitlines()[1:] == ["  disk full.", "Next: make room"]


def test_a_host_without_python_is_told_what_to_install() -> None:
    res = {"msg": "The module interpreter '/usr/bin/python3' was not found."}
    event = on("on_failed", "web1", "Preflight a", res=res)

    assert "install python3 on web1" in str(
        failure(result(played(start("Preflight a"), event)), [])
    )


def test_a_run_that_ended_before_any_task_shows_what_ansible_said() -> None:
    noise = {"event": "verbose", "stdout": "Using ansible.cfg"}
    error = {"event": "error", "stdout": "[ERROR]: vars/roles.yml was not found\nsecond line"}

    words = str(failure(result(played(noise, error)), []))

    assert "vars/roles.yml was not found" in words
    assert "second line" in words
    assert "Using ansible.cfg" not in words


def test_a_cancelled_run_says_what_happens_to_the_hosts() -> None:
    words = str(failure(result(played(start("Switch all hosts")), cancelled=True), []))

    assert "cancelled while 'Switch all hosts' ran" in words
    assert "keeps serving" in words


def test_a_phase_is_the_first_word_of_a_task_and_else_its_role() -> None:
    assert phase_of({"task": "Switch: arm the timer", "role": "release"}) == "Switch"
    assert phase_of({"task": "Publish the site", "role": "nginx_site"}) == "nginx site"


def test_a_crash_shows_the_end_of_its_error_output() -> None:
    crash = {"msg": "MODULE FAILURE: see stderr", "module_stderr": "Traceback\nKeyError: 'x'\n"}

    assert message_of(crash) == "Traceback\nKeyError: 'x'"
