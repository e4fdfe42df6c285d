"""What a person sees of a run, with and without a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tests.unit.test_playbooks import FAILED_DEPLOY, on, played, start
from turnout import view as view_module
from turnout.progress import Progress
from turnout.view import MOST_COLUMNS, LiveView, PlainView, is_interactive, seconds_line, shown


def plain(*events: dict[str, object]) -> list[str]:
    """Return the plain lines, times cut off, of a view told after each event."""
    lines: list[str] = []
    view, progress = PlainView(lines.append), Progress()
    for second, event in enumerate(events):
        progress.feed(event, float(second))
        view.update(progress)
    view.finish(progress)
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in lines]


def drawn(progress: Progress) -> str:
    view = LiveView("deploy of prod")
    view.update(progress)
    return text_of(view)


def test_plain_output_has_one_line_for_each_phase_and_host() -> None:
    lines = plain(*FAILED_DEPLOY)

    assert [line.split()[:3] for line in lines] == [
        ["Stage", "web1", "changed"],
        ["Stage", "web2", "changed"],
        ["Start", "web1", "failed"],
        ["Start", "web2", "changed"],
        ["Revert", "web1", "changed"],
    ]


def test_phases_that_ran_in_one_call_are_told_in_their_order() -> None:
    stage, commit = "Stage the release", "Commit the release"
    steps = [{"phase": name, "seconds": 1.0} for name in ("stage", "migrate", "start", "switch")]

    lines = plain(
        start(stage),
        on("on_ok", "web1", stage, res={"changed": True, "steps": steps}),
        start(commit),
        on("on_ok", "web1", commit, res={"changed": True}),
    )

    told = [line.split()[0] for line in lines]
    assert told == ["Stage", "Migrate", "Start", "Switch", "Commit"]


COMMIT = "Commit the release"
COMMITTED = {"changed": True, "phase": "commit", "state": {"release": "r2", "live": "green"}}


def test_what_is_live_is_taken_from_the_commit_of_each_host() -> None:
    progress = played(start(COMMIT), on("on_ok", "web1", COMMIT, res=COMMITTED))

    assert progress.states == {"web1": COMMITTED["state"]}


def test_a_team_that_looks_at_another_app_does_not_change_what_is_told_of_this_one() -> None:
    look = "Look at the app beside it"
    other = {"phase": "state", "state": {"release": "of another app", "live": "blue"}}

    progress = played(
        start(COMMIT),
        on("on_ok", "web1", COMMIT, res=COMMITTED),
        start(look),
        on("on_ok", "web1", look, res=other),
    )

    assert progress.states["web1"] == COMMITTED["state"]


def test_what_was_live_before_a_hook_of_the_team_ran_is_asked_again() -> None:
    hook = "Hooks run a command"

    progress = played(
        start(COMMIT),
        on("on_ok", "web1", COMMIT, res=COMMITTED),
        start(hook),
        on("on_ok", "web1", hook, res={"changed": True}),
    )

    assert progress.states == {}


def test_a_webhook_changes_no_host_so_none_is_asked_again() -> None:
    told, ours = "Hooks end with the webhook", "turnout_webhook"

    progress = played(
        start(COMMIT),
        on("on_ok", "web1", COMMIT, res=COMMITTED),
        start(told),
        on("on_ok", "localhost", told, res={"changed": True}, task_action=ours),
    )

    assert progress.states == {"web1": COMMITTED["state"]}


def test_what_went_wrong_beside_a_run_stands_at_its_end() -> None:
    task, ours = "Hooks run a command", "turnout_hook"
    said = {"changed": True, "warnings": ["the hook after_commit failed"]}
    hook = on("on_ok", "web1", task, res=said, task_action=ours)
    other = on("on_ok", "web1", "Copy", res={"warnings": ["deprecated"]}, task_action="copy")
    view = LiveView("deploy of prod")

    view.finish(played(start(task), hook, other))

    assert plain(start(task), hook, other)[-1] == "Warning: the hook after_commit failed"
    assert "Warning: the hook after_commit failed" in text_of(view)
    assert "deprecated" not in text_of(view)


def test_what_differs_is_told_by_host_and_task() -> None:
    task, differs = "Publish the site", "--- before\n\n+++ after\n"
    shown_by_ansible = {"event": "runner_on_file_diff", "event_data": {"host": "web1"}}

    progress = played(
        start(task), shown_by_ansible | {"stdout": differs}, shown_by_ansible | {"stdout": " \n"}
    )

    assert progress.differences == ["web1, Publish the site:", "  --- before", "  +++ after"]


def test_what_ansible_says_outside_of_tasks_is_kept() -> None:
    said = {"event": "warning", "stdout": "[WARNING]: no host matches\n\n"}

    assert played(said, {"event": "verbose"}).notes == ["[WARNING]: no host matches"]


def test_of_a_loop_the_item_that_failed_is_the_cause() -> None:
    task = "Make the folders"
    item = on("item_on_failed", "web1", task, res={"msg": "no space is left"})
    whole = on("on_failed", "web1", task, res={"msg": "One or more items failed"})

    failure = played(start(task), item, whole).first_failure

    assert failure is not None
    assert "no space is left" in str(failure)


def test_plain_output_carries_the_time_of_day() -> None:
    lines: list[str] = []
    PlainView(lines.append).note("Building")

    assert re.fullmatch(r"\d\d:\d\d:\d\d  Building", lines[0])


def test_plain_output_repeats_each_line_of_a_long_step_once() -> None:
    step = {"event": "verbose", "stdout": "3 of 9 wheels"}

    assert plain(start("Build"), step, start("Build more")).count("3 of 9 wheels") == 1


def test_the_live_view_shows_phases_hosts_and_the_running_task() -> None:
    screen = drawn(played(*FAILED_DEPLOY[:8]))

    assert "web1" in screen
    assert "web2" in screen
    assert "changed" in screen
    assert "running" in screen
    assert "Start the idle slot" in screen


def test_many_hosts_are_counted_and_not_squeezed_into_columns() -> None:
    hosts = [f"web{number}" for number in range(MOST_COLUMNS + 1)]
    events = [on("on_ok", host, "Stage a", res={}) for host in hosts]

    screen = drawn(played(start("Stage a"), *events))

    assert f"{len(hosts)} ok" in screen
    assert "web3" not in screen


def test_ci_gets_plain_lines_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", "true")

    assert not is_interactive()


def test_the_seconds_of_all_phases_fit_on_one_line() -> None:
    assert seconds_line({"Build": 1.26, "Stage": 0.04}) == "Build 1.3  Stage 0.0"


def test_a_person_sees_the_run_and_keeps_its_last_state(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(view_module, "is_interactive", lambda: True)

    with shown("deploy of prod") as view:
        view.note("3 of 9 wheels")
        assert "3 of 9 wheels" in text_of(view)
        view.update(played(*FAILED_DEPLOY))

    screen = capsys.readouterr().out
    assert "deploy of prod" in screen
    assert "failed" in screen
    assert "3 of 9 wheels" not in screen, "the run is over"


def test_what_a_long_step_says_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "is_interactive", lambda: True)

    with shown("deploy of prod") as view:
        view.note(f"Downloading sqlalchemy-2.1.9-{'manylinux_2_28_x86_64.' * 8}whl (4.7 MB)")
        line = next(one for one in text_of(view).splitlines() if "Downloading" in one)

    assert "sqlalchemy" in line
    assert line.endswith("…")


def text_of(view: PlainView | LiveView) -> str:
    assert isinstance(view, LiveView)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(view._draw())
    return console.export_text()


def test_a_pipe_gets_lines_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("deploy of prod") as view:
        view.note("Building")

    assert capsys.readouterr().out.endswith("Building\n")
