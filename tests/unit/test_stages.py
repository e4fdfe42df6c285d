"""What each check runs, with which Python, and what it leaves to be counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import Stub, stub
from turnout import stages
from turnout.errors import NotHere, TurnoutError

OTHER = "3.99"


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A uv that has every Python and every package; stages keep what they make in the test's."""
    monkeypatch.setattr(stages, "BIN", tmp_path / "bin")
    monkeypatch.setattr(stages, "VENVS", tmp_path / "venvs")
    monkeypatch.setattr(stages, "COVERAGE", tmp_path / "coverage")
    monkeypatch.setattr(stages.sys, "prefix", str(tmp_path))
    made = stub(tmp_path / "bin", "uv", monkeypatch)
    made.answers(
        "case $1 in python) echo /opt/python3.99;; venv) for last; do mkdir -p $last; done;; esac"
    )
    return made


def test_the_tools_are_installed_once_with_their_hashes(uv: Stub) -> None:
    assert stages.tools() == stages.BIN
    stages.tools()

    (call,) = uv.calls()
    assert "--require-hashes -r" in call
    assert call.endswith("requirements-dev.txt")


def test_another_lock_installs_them_again(
    uv: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages.tools()
    (tmp_path / "requirements-dev.txt").write_text("other==1\n")
    monkeypatch.setattr(stages, "DEV", tmp_path / "requirements-dev.txt")

    stages.tools()

    assert len(uv.calls()) == 2


def test_another_python_has_tools_of_its_own(uv: Stub) -> None:
    assert stages.tools(OTHER) == stages.VENVS / OTHER / "bin"

    found, made, installed = uv.calls()
    assert found == "python find 3.99"
    assert made.endswith(f"--python /opt/python3.99 {stages.VENVS / OTHER}")
    assert f"--python {stages.VENVS / OTHER}/bin/python" in installed


def test_tools_that_cannot_be_installed_are_not_taken_for_installed(uv: Stub) -> None:
    uv.answers("exit 1")
    for _ in range(2):
        with pytest.raises(TurnoutError, match="cannot be installed"):
            stages.tools()


def test_a_python_that_is_not_here_fails_nothing_and_says_so(uv: Stub) -> None:
    uv.answers("exit 2")

    with pytest.raises(NotHere, match=r"no Python 3\.99"):
        stages.unit_stages(OTHER)


def test_coverage_is_measured_when_asked_for_once_and_where_no_playbook_runs_for_long(
    uv: Stub,
) -> None:
    here = stages.unit_stages(coverage=True)
    there = [
        *stages.unit_stages(),
        *stages.unit_stages(OTHER, coverage=True),
        *stages.lab_stages(),
        *stages.fleet_stages(),
        *stages.image_stages(),
    ]

    assert all("--cov-branch" in stage.command for stage in here)
    assert len({stage.variables["COVERAGE_FILE"] for stage in here}) == len(here)
    assert not any(word.startswith("--cov") for stage in there for word in stage.command)


@pytest.mark.parametrize("kind", ["commands", "app"])
def test_whole_commands_and_the_app_run_with_this_python_the_oldest_and_the_newest(
    uv: Stub, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(stages, "RUNNING", "3.12")
    which = ("3.11", "3.12", "3.13", OTHER)

    runs = [any(s.title.startswith(kind) for s in stages.unit_stages(one)) for one in which]

    assert runs == [True, True, True, False]


def test_an_app_without_tests_has_no_stage(tmp_path: Path) -> None:
    assert stages.app_stages(tmp_path) == []


def test_an_app_without_test_requirements_of_its_own_is_tested_with_its_locked_ones(
    tmp_path: Path,
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "requirements.txt").touch()

    (stage,) = stages.app_stages(tmp_path)

    assert stage.command.count("--with-requirements") == 1
    assert stage.folder == tmp_path


def test_an_app_is_measured_where_it_says_what_of_it(tmp_path: Path) -> None:
    """Measuring takes pytest-cov, which a team's own app may not have."""
    (tmp_path / "tests").mkdir()
    (silent,) = stages.app_stages(tmp_path, measure=True)
    (tmp_path / "pyproject.toml").write_text("[tool.coverage.run]\nbranch = true\n")
    (telling,) = stages.app_stages(tmp_path, measure=True)

    assert "--cov" not in silent.command
    assert "--cov" in telling.command


def test_a_scenario_that_is_not_there_is_answered_with_those_there_are() -> None:
    with pytest.raises(TurnoutError, match="no scenario nothing") as caught:
        stages.molecule_stages("nothing")

    assert "default" in caught.value.next_step


def test_linters_write_for_github_only_where_it_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    ruff = stages.lint_stages()[1]
    assert "--output-format=github" not in ruff.argv()

    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert "--output-format=github" in ruff.argv()


def test_every_linter_that_is_run_is_locked() -> None:
    """A check that is not installed would fail as if it had found something."""
    locked = stages.DEV.read_text()

    for stage in stages.lint_stages():
        assert f"\n{stage.command[0]}==" in locked
