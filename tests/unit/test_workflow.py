"""The workflow is the list of checks, and what it runs exists."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import string
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Parser, ParserContext

import tasks
from turnout import stages, workflow
from turnout.errors import NOT_HERE, TurnoutError
from turnout.paths import REPOSITORY
from turnout.workflow import CI, Step, steps

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a workflow's jobs into a checkout of its own and return the checkout."""

    def written(jobs: dict[str, Any]) -> Path:
        file = tmp_path / CI
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump({"jobs": jobs}))
        return tmp_path

    return written


def commit_all(repository: Path) -> None:
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *arguments], check=True)


def running(*commands: str, needs: list[str] | None = None) -> dict[str, Any]:
    return {"needs": needs or [], "steps": [{"run": command} for command in commands]}


def jobs_of(file: Path) -> dict[str, Any]:
    return dict(_read(file.read_text())["jobs"])


@cache
def _read(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text))


@cache
def verbs() -> list[ParserContext]:
    return list(Collection.from_module(tasks).to_contexts())


def all_steps(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs_of(file).items():
        for step in job.get("steps", []):
            yield name, step


def assert_is_a_verb(command: str) -> None:
    """Raise unless the command is `./inv` with a verb and flags that are there."""
    program, *arguments = shlex.split(command)
    assert program == "./inv", command
    assert "\n" not in command
    parser = Parser(contexts=verbs())
    try:
        parsed = parser.parse_argv(arguments)
    except ParseError as error:
        raise AssertionError(f"{command}: {error}") from error
    assert [context.name for context in parsed if context.name], command


def test_jobs_run_after_those_they_need_and_else_in_their_own_order(write: Write) -> None:
    jobs = {"c": running("3", needs=["b"]), "a": running("1"), "b": running("2", needs=["a"])}

    assert [step.command for step in steps(write(jobs) / CI)] == ["1", "2", "3"]


def test_a_matrix_is_one_step_for_each_value(write: Write) -> None:
    job = running("./inv test.unit --python ${{ matrix.python }}")
    job["strategy"] = {"matrix": {"python": ["3.11", "3.13"]}}

    assert steps(write({"unit": job}) / CI) == [
        Step("unit", "./inv test.unit --python 3.11", 0, is_longest=True),
        Step("unit", "./inv test.unit --python 3.13", 1, is_longest=True),
    ]


@pytest.mark.parametrize("needs", [["b"], ["nothing"]], ids=["a circle", "nobody"])
def test_needs_that_cannot_be_met_are_told(write: Write, needs: list[str]) -> None:
    jobs = {"a": running("1", needs=needs), "b": running("2", needs=["a"])}

    with pytest.raises(TurnoutError, match="need"):
        steps(write(jobs) / CI)


def test_a_broken_step_fails_the_run_and_does_not_hide_the_next(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    repository = write({"lint": running("echo looked; exit 3"), "unit": running("echo also ran")})

    with pytest.raises(TurnoutError, match="Failed: echo looked; exit 3"):
        workflow.run_all(repository)

    shown = capfd.readouterr().out
    assert "also ran" in shown
    assert shown.rstrip().endswith("1 passed, 1 failed")


def test_the_counts_of_a_step_come_back_to_the_table(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    told = json.dumps([{"title": "lab", "seconds": 1, "passed": 41, "failed": 0, "skipped": 1}])
    repository = write({"lab": running(f"echo '{told}' > $TURNOUT_REPORT")})

    workflow.run_all(repository)

    assert capfd.readouterr().out.rstrip().endswith("41 passed, 0 failed, 1 skipped")


def test_a_step_that_cannot_be_done_here_is_skipped_by_name(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    workflow.run_all(write({"audit": running(f"exit {NOT_HERE}")}))

    shown = capfd.readouterr().out
    assert "cannot be done on this machine" in shown
    assert shown.rstrip().endswith("0 passed, 0 failed, 1 skipped")


def test_jobs_run_beside_each_other_and_each_is_shown_in_one_piece(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each waits for the other to have begun, so that one after the other would never end."""
    other = "for n in $(seq 200); do test -e {0} && break; sleep 0.05; done; test -e {0}"
    jobs = {
        "a": running(f"echo one; touch a; {other.format('b')}; echo two"),
        "b": running(f"touch b; {other.format('a')}; echo three"),
    }

    workflow.run_all(write(jobs))

    assert "\none\ntwo\n" in capfd.readouterr().out


def test_what_takes_long_beside_others_says_its_last_line_meanwhile(
    write: Write, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "TELL_SECONDS", 0.1)
    slow = "echo one; printf '\\033[32mtwo\\033[0m\\n'; sleep 0.5"

    workflow.run_all(write({"slow": running(slow), "quick": running("true")}))

    told = re.findall(r"^    slow, \d+ s: (.*)$", capfd.readouterr().out, re.MULTILINE)
    assert told[-1] == "two"


def test_steps_of_one_job_follow_one_another_and_needs_are_waited_for(write: Write) -> None:
    jobs = {
        "late": running("test -e second", needs=["two steps"]),
        "two steps": running("sleep 0.2; touch first", "test -e first && touch second"),
        "quick": running("true"),
    }

    workflow.run_all(write(jobs))


def test_the_longest_job_begins_first(
    write: Write, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of two that begin at the same moment either may say so first.
    monkeypatch.setattr(workflow, "AT_ONCE", 1)
    jobs = {"lint": running("true"), "unit": running("true"), "lab": running("true")}
    jobs["lab"]["timeout-minutes"] = 40

    workflow.run_all(write(jobs))

    assert capfd.readouterr().out.lstrip().startswith("=== lab: true")


def test_one_job_can_be_run_alone(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    workflow.run_all(write({"a": running("echo one"), "b": running("echo two")}), job="b")

    assert "one" not in capfd.readouterr().out


def test_a_clean_clone_has_what_is_committed_and_nothing_else(
    write: Write, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    repository = write({"look": running("ls")})
    commit_all(repository)
    (repository / CI).write_text(yaml.safe_dump({"jobs": {"look": running("exit 9")}}))
    (repository / "forgotten.py").touch()
    monkeypatch.setattr(workflow, "REPOSITORY", repository)

    workflow.run_in_clean_clone()

    assert "forgotten.py" not in capfd.readouterr().out


def test_a_broken_step_fails_the_run_in_a_clean_clone(
    write: Write, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is only in somebody's working copy does not help the push."""
    repository = write({"look": running("test -e wanted", "echo still ran")})
    commit_all(repository)
    (repository / "wanted").touch()
    monkeypatch.setattr(workflow, "REPOSITORY", repository)

    with pytest.raises(TurnoutError, match="Failed: test -e wanted"):
        workflow.run_in_clean_clone()

    assert "still ran" in capfd.readouterr().out


def test_a_job_that_is_not_there_is_told(write: Write) -> None:
    with pytest.raises(TurnoutError, match="no job nothing"):
        workflow.run_all(write({"a": running("true")}), job="nothing")


def test_what_an_older_run_has_measured_does_not_count(write: Write) -> None:
    repository = write({"a": running("test ! -e .turnout/coverage/data.old"), "b": running("true")})
    old = repository / ".turnout/coverage/data.old"
    old.parent.mkdir(parents=True)
    old.touch()

    workflow.run_all(repository, job="b")
    assert old.exists()
    workflow.run_all(repository)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_step_is_a_verb_that_exists_and_nothing_else(file: Path) -> None:
    found = [step["run"] for _, step in all_steps(file) if "run" in step]
    assert found
    for job in jobs_of(file).values():
        for _, command in workflow.commands(job):
            assert_is_a_verb(command)


def test_a_step_that_is_no_verb_would_be_noticed() -> None:
    for command in ("./inv test.nothing", "./inv lint --loud", "make test", "./inv lint\nrm -r /"):
        with pytest.raises(AssertionError):
            assert_is_a_verb(command)


def test_the_workflow_holds_every_molecule_scenario() -> None:
    matrix = jobs_of(REPOSITORY / CI)["molecule"]["strategy"]["matrix"]["scenario"]

    assert sorted(matrix) == [
        stage.title.removeprefix("molecule ") for stage in stages.molecule_stages()
    ]


def test_what_is_measured_comes_to_the_gate() -> None:
    jobs = jobs_of(REPOSITORY / CI)
    measured = {
        name
        for name, step in all_steps(REPOSITORY / CI)
        if str(step.get("with", {}).get("path", "")).startswith(".turnout/coverage/data")
    }

    assert measured == set(jobs["coverage"]["needs"]) == {"unit"}


def test_a_deploy_needs_every_check() -> None:
    jobs = jobs_of(REPOSITORY / CI)

    assert set(jobs["deploy"]["needs"]) == set(jobs) - {"deploy"}
    assert "refs/heads/main" in jobs["deploy"]["if"]


def test_production_comes_after_staging_and_behind_an_environment() -> None:
    jobs = jobs_of(REPOSITORY / ".github/workflows/deploy.yml")

    assert jobs["production"]["needs"] == "staging"
    for job in jobs.values():
        assert job["environment"] in ("staging", "production")
        assert job["concurrency"] == {
            "group": f"deploy-{job['environment']}",
            "cancel-in-progress": False,
        }


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_and_permissions_least(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {}
    for name, job in jobs_of(file).items():
        assert job["permissions"] == {"contents": "read"}, name
    for _, step in all_steps(file):
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"]), step["uses"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_stale_cache_cannot_pass(file: Path) -> None:
    caches = [step["with"] for _, step in all_steps(file) if "cache@" in step.get("uses", "")]
    assert caches
    for entry in caches:
        assert "hashFiles('requirements*.txt', 'app/requirements*.txt')" in entry["key"]
        assert "restore-keys" not in entry


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_secrets_go_to_variables_and_never_into_a_command(file: Path) -> None:
    for _, step in all_steps(file):
        assert "secrets." not in step.get("run", "")
        assert "inputs." not in step.get("run", "")


def example(language: str) -> str:
    """Return the one example for this service, as somebody copies it."""
    page = (REPOSITORY / "docs/ci-other.md").read_text()
    (block,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(block)


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(example("yaml"))
    return {name: job for name, job in found.items() if "script" in job}


def gitlab_commands() -> Iterator[str]:
    for job in gitlab_jobs().values():
        chosen = {key: values for axis in _axes(job) for key, values in axis.items()}
        for command in job["script"]:
            for values in itertools.product(*chosen.values()):
                yield string.Template(command).substitute(dict(zip(chosen, values, strict=True)))


def _axes(job: dict[str, Any]) -> list[dict[str, list[str]]]:
    return list(job.get("parallel", {}).get("matrix", []))


def jenkins_commands() -> list[str]:
    axes = re.findall(r"axis \{ name '(\w+)'; values ([^}]*)\}", example("groovy"))
    first = {name: shlex.split(values.replace(",", " "))[0] for name, values in axes}
    found = re.findall(r"\bsh\b *\(?'([^']*)'", example("groovy"))
    return [string.Template(command).substitute(first) for command in found]


@pytest.mark.parametrize("commands", [gitlab_commands, jenkins_commands])
def test_the_examples_for_other_services_run_verbs_too(
    commands: Callable[[], Iterator[str]],
) -> None:
    for command in commands():
        assert_is_a_verb(command)


@pytest.mark.parametrize("commands", [gitlab_commands, jenkins_commands])
def test_the_examples_for_other_services_leave_no_verb_out(
    commands: Callable[[], Iterator[str]],
) -> None:
    ours = [step["run"] for file in WORKFLOWS for _, step in all_steps(file) if "run" in step]

    assert {verb_of(command) for command in commands()} == {verb_of(command) for command in ours}


def verb_of(command: str) -> str:
    """Return the verb and its environment: `deploy --env staging` is not `--env prod`."""
    words = shlex.split(command)
    return " ".join(
        [words[1], *words[words.index("--env") :][:2]] if "--env" in words else words[1:2]
    )


def test_the_gitlab_jobs_need_what_is_there() -> None:
    jobs, stages_there = gitlab_jobs(), yaml.safe_load(example("yaml"))["stages"]
    for name, job in jobs.items():
        assert job["stage"] in stages_there, name
        assert set(job.get("needs", [])) <= set(jobs), name
    assert set(*(axis["SCENARIO"] for axis in _axes(jobs["molecule"]))) == set(
        jobs_of(REPOSITORY / CI)["molecule"]["strategy"]["matrix"]["scenario"]
    )


def test_the_jenkins_example_closes_what_it_opens() -> None:
    depth = 0
    for character in re.sub(r"'[^']*'", "", example("groovy")):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
