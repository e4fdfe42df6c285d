"""A stage that fails fails the run, and does not hide the stages after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout import engine, image, quality, stages
from turnout.errors import TurnoutError
from turnout.image_base import RELEASES
from turnout.quality import Outcome
from turnout.stages import Stage

REPORT = (
    """<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>"""
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "junit.xml"


def test_pytests_own_counts_are_added_up(report: Path) -> None:
    report.write_text(REPORT.format(10, 1, 1, 3))

    assert quality.count(report, 1) == (5, 2, 3)


def test_a_run_that_broke_off_is_a_failure_though_no_test_failed(report: Path) -> None:
    report.write_text(REPORT.format(2, 0, 0, 0))

    assert quality.count(report, 3) == (2, 1, 0)


def test_a_stage_without_a_test_is_no_failure(report: Path) -> None:
    report.write_text(REPORT.format(0, 0, 0, 0))

    assert quality.count(report, 5) == (0, 0, 0)


def test_a_linter_counts_as_one(report: Path) -> None:
    assert quality.count(report, 0) == (1, 0, 0)
    assert quality.count(report, 1) == (0, 1, 0)


def test_the_last_line_counts_everything(capsys: pytest.CaptureFixture[str]) -> None:
    quality.conclude([Outcome("a", 1.0, 3, 0), Outcome("b", 1.0, 1, 0, 2)])

    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 0 failed, 2 skipped"


def test_a_failure_names_its_stage_after_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TurnoutError, match="Failed: b"):
        quality.conclude([Outcome("a", 1.0, 3, 0), Outcome("b", 1.0, 0, 1)])

    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 1 failed"


def test_a_failing_stage_does_not_stop_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    two = [
        Stage("a", ("false",), bin=Path("/bin")),
        Stage("b", ("echo", "b ran"), bin=Path("/bin")),
    ]
    monkeypatch.setattr(stages, "lint_stages", lambda: two)
    monkeypatch.setattr(stages, "tools", lambda: None)

    with pytest.raises(TurnoutError, match="Failed: a"):
        quality.lint()

    assert "b ran" in capfd.readouterr().out


def test_whoever_started_the_checks_gets_their_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(stages.REPORT, str(tmp_path / "report.json"))

    quality.conclude([Outcome("a", 1.5, 3, 0, 1)])

    (told,) = json.loads((tmp_path / "report.json").read_text())
    assert Outcome(**told) == Outcome("a", 1.5, 3, 0, 1)


def test_a_check_that_could_not_be_done_is_never_shown_as_passed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quality.conclude([Outcome("audit", 1.0, 0, 0, 1, "no advisories")])

    table, _, last = capsys.readouterr().out.strip().splitlines()
    assert "skipped" in table
    assert "no advisories" in table
    assert last == "0 passed, 0 failed, 1 skipped"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine on which a lab can be made at once; returns what was done."""
    done: list[str] = []
    monkeypatch.setattr(engine, "ensure_engine", lambda progress: done.append("engine"))
    monkeypatch.setattr(image, "ensure_image", lambda release, progress: done.append(release))
    monkeypatch.setattr(stages, "tools", lambda *python: stages.BIN)
    monkeypatch.setattr(
        quality, "run", lambda stage: done.append(stage.title) or Outcome(stage.title, 0.1, 1, 0)
    )
    return done


@pytest.mark.parametrize(
    ("check", "titles"),
    [
        (quality.lab, ["lab"]),
        (quality.fleet, ["fleet"]),
        (quality.image, ["containers"]),
        (lambda: quality.molecule("default"), ["molecule default"]),
    ],
    ids=["lab", "fleet", "image", "molecule"],
)
def test_the_lab_is_ready_before_its_tests_start(
    lab: list[str], check: Callable[[], None], titles: list[str]
) -> None:
    check()

    assert lab == ["engine", *RELEASES, *titles]


def test_the_fast_checks_need_no_lab(lab: list[str]) -> None:
    quality.fast()

    assert not {"engine", *RELEASES} & set(lab)
    assert {"ruff check", "unit", "commands", "app"} <= set(lab)


def test_the_unit_tests_run_with_the_python_that_is_asked_for_and_counted_where_asked(
    lab: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def stages_of(python: str, *, coverage: bool) -> list[Stage]:
        asked.append((python, coverage))
        return []

    monkeypatch.setattr(stages, "unit_stages", stages_of)

    quality.unit("3.12")
    quality.unit(coverage=True)

    assert asked == [("3.12", False), (stages.RUNNING, True)]


def test_what_a_linter_says_of_a_line_is_shown_beside_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    line = "turnout/lab.py:7: error: not a name  [name-defined]"
    mypy = Stage("mypy", ("sh", "-c", f"echo '{line}'; exit 1"), bin=Path("/bin"), names_lines=True)
    assert quality.run(mypy).failed == 1
    assert capfd.readouterr().out.splitlines()[-1] == line, "a person reads it as it is"

    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert quality.run(mypy).failed == 1
    assert capfd.readouterr().out.splitlines()[-1] == (
        "::error file=turnout/lab.py,line=7::not a name  [name-defined]"
    )
