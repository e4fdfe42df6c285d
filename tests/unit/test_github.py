"""What GitHub is told, and that nobody else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import conftest
from turnout import github, stages
from turnout.outcome import Outcome
from turnout.paths import REPOSITORY

JUNIT = """<testsuites><testsuite><testcase name="test_it"><failure message="assert 1 == 2">
tests/unit/test_thing.py:3: in test_it
    helper()
tests/unit/test_thing.py:7: AssertionError</failure></testcase>
<testcase name="test_other"/></testsuite></testsuites>"""


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.usefixtures("watched")
def test_a_failed_test_is_shown_beside_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junit.xml").write_text(JUNIT)

    github.annotate_tests(tmp_path / "junit.xml", REPOSITORY)

    assert capsys.readouterr().out.splitlines() == [
        "::error file=tests/unit/test_thing.py,line=7,title=test_it::assert 1 == 2"
    ]


@pytest.mark.usefixtures("watched")
def test_a_message_cannot_end_its_own_command(capsys: pytest.CaptureFixture[str]) -> None:
    github.annotate("one\n::add-mask::two", title="a, b: 100%")

    assert capsys.readouterr().out == ("::error title=a%2C b%3A 100%25::one%0A::add-mask::two\n")


def test_elsewhere_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junit.xml").write_text(JUNIT)

    github.annotate("words")
    github.annotate_tests(tmp_path / "junit.xml", REPOSITORY)
    github.summarise([Outcome("a", 1.0, 1, 0)])

    assert capsys.readouterr().out == ""


def test_the_summary_page_gets_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))

    github.summarise([Outcome("lint", 1.25, 3, 0)])

    assert "| lint | 1.2 | 3 | 0 | 0 |" in (tmp_path / "summary.md").read_text()


def test_a_run_of_tests_does_not_speak_for_the_service_that_started_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a test prints or counts on purpose would look like a failure of the run."""
    for name in (github.WATCHING, github.PAGE, stages.REPORT):
        monkeypatch.setenv(name, "true")

    conftest.pytest_configure()

    assert not {"GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TURNOUT_REPORT"} & set(os.environ)
