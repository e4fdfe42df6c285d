"""A run is held against the ratios on record, and its report is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnout.bench import record, report
from turnout.bench.figures import HIGHER, Figure, Ratio
from turnout.bench.report import Report
from turnout.errors import TurnoutError


def run(*ratios: Ratio, suite: str = "deploy") -> Report:
    figures = [Figure("`status`", (0.5, 0.7, 0.6))]
    return Report(
        suite, "./inv bench", {"whole command": figures}, list(ratios), ["A note."], "2 cores"
    )


def slow(value: float) -> Ratio:
    return Ratio("deploy / parts", value, value)


def fast(value: float) -> Ratio:
    return Ratio("ours / usual", value, value, HIGHER)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A record of a run: 1.5 times the parts, 1.3 times the usual requests a second."""
    file = tmp_path / "benchmarks.json"
    record.write(run(slow(1.5), fast(1.3)), file)
    return file


def test_a_run_within_a_fifth_of_the_record_is_kept(file: Path) -> None:
    assert record.check(run(slow(1.79), fast(1.1)), file) == [
        "deploy / parts: 1.79, recorded 1.50",
        "ours / usual: 1.10, recorded 1.30",
    ]


@pytest.mark.parametrize(("worse", "words"), [
    (slow(1.81), "deploy / parts: 1.81, recorded 1.50 (21% worse)"),
    (fast(1.0), "ours / usual: 1.00, recorded 1.30 (30% worse)"),
])  # fmt: skip
def test_more_than_a_fifth_worse_fails_and_says_what(file: Path, worse: Ratio, words: str) -> None:
    with pytest.raises(TurnoutError) as failure:
        record.check(run(worse), file)

    assert failure.value.why == words
    assert "--explain" in failure.value.next_step


def test_a_better_run_never_fails(file: Path) -> None:
    assert len(record.check(run(slow(0.5), fast(9.0)), file)) == 2


def test_a_suite_that_is_not_on_record_cannot_be_checked(file: Path) -> None:
    with pytest.raises(TurnoutError) as failure:
        record.check(run(slow(1.0), suite="growth"), file)

    assert "growth" in failure.value.what
    assert "--record" in failure.value.next_step


def test_a_new_record_leaves_the_other_suites_alone(file: Path) -> None:
    record.write(run(slow(2.0), suite="growth"), file)

    ratios = {suite: entry["ratios"] for suite, entry in record.read(file).items()}
    assert ratios == {
        "deploy": {"deploy / parts": 1.5, "ours / usual": 1.3},
        "growth": {"deploy / parts": 2.0},
    }


def test_a_report_names_its_command_above_and_its_machine_below_the_tables() -> None:
    lines = run(slow(1.5)).markdown().splitlines()

    assert lines[0] == "`./inv bench`"
    assert "| `status` | 0.60 | 0.50 | 0.70 | 3 |" in lines
    assert lines[-1] == "2 cores."


def test_a_report_is_kept_with_each_single_value(tmp_path: Path) -> None:
    file = report.store(run(slow(1.5)), tmp_path)

    kept = json.loads(file.read_text())
    assert kept["tables"]["whole command"][0]["values"] == [0.5, 0.7, 0.6]
    assert file.with_suffix(".md").read_text().startswith("`./inv bench`")


def test_a_suites_tables_take_the_place_of_its_earlier_ones(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Words.\n\n<!-- bench: deploy -->\nold\n<!-- bench: end -->\n\nMore.\n")

    record.publish(run(slow(1.5)), page)
    record.publish(run(slow(1.5)), page)

    text = page.read_text()
    assert text.startswith("Words.\n\n<!-- bench: deploy -->\n\n`./inv bench`\n")
    assert text.endswith("\n\n2 cores.\n\n<!-- bench: end -->\n\nMore.\n")
    assert text.count("| `status` |") == 1


def test_a_page_without_a_place_for_the_suite_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Words.\n")

    with pytest.raises(TurnoutError, match="no place"):
        record.publish(run(slow(1.5)), page)

    assert page.read_text() == "Words.\n"


@pytest.mark.parametrize("suite", ["deploy", "peers", "growth", "serving"])
def test_the_page_has_a_place_for_every_suite(suite: str) -> None:
    assert f"<!-- bench: {suite} -->" in record.PAGE.read_text()
