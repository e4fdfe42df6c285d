"""What GitHub shows of a run: annotations beside the code, and the summary page."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from turnout.outcome import Outcome
from turnout.paths import REPOSITORY

WATCHING = "GITHUB_ACTIONS"
PAGE = "GITHUB_STEP_SUMMARY"
# `path:line: error: message`, as mypy and compilers say it.
PROBLEM = re.compile(
    r"^(?P<file>[^\s:]+):(?P<line>\d+)(?::\d+)?: error: (?P<why>.+)$", re.MULTILINE
)
# `path:line: Error`, as pytest ends the traceback of a failed test.
PLACE = re.compile(r"^(?P<file>[^\s:]+\.py):(?P<line>\d+): ", re.MULTILINE)


def is_watching() -> bool:
    """Say whether GitHub Actions runs this."""
    return os.environ.get(WATCHING) == "true"


def annotate(message: str, *, file: str = "", line: str = "", title: str = "") -> None:
    """Show an error beside the code (workflow command `error`); nothing elsewhere."""
    if not is_watching():
        return
    properties = {"file": file, "line": line, "title": title}
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    print(f"::error {given}::{_data(message)}", flush=True)


def annotate_tests(junit: Path, folder: Path) -> None:
    """Show each failed test of a JUnit file beside the line that failed."""
    if not is_watching() or not junit.exists():
        return
    for case in ElementTree.parse(junit).getroot().iter("testcase"):  # noqa: S314 our own file
        for kind in ("failure", "error"):
            for problem in case.findall(kind):
                places = list(PLACE.finditer(problem.text or ""))
                where = _in_repository(folder / places[-1]["file"]) if places else ""
                line = places[-1]["line"] if places else ""
                annotate(
                    problem.get("message", ""), file=where, line=line, title=case.get("name", "")
                )


def annotate_lines(output: str, folder: Path) -> None:
    """Show each line of the form `file:line: error: message` beside the code."""
    for found in PROBLEM.finditer(output):
        annotate(found["why"], file=_in_repository(folder / found["file"]), line=found["line"])


def summarise(outcomes: Sequence[Outcome]) -> None:
    """Add the table to the page that GitHub shows for the job."""
    write_summary(
        "| check | seconds | passed | failed | skipped |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {one.title} | {one.seconds:.1f} | {one.passed} | {one.failed} | {one.skipped} |"
            for one in outcomes
        ),
    )


def write_summary(*lines: str) -> None:
    """Add Markdown to the job's summary page; nothing elsewhere."""
    page = os.environ.get(PAGE)
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n\n")


def _in_repository(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(REPOSITORY))
    except ValueError:
        return str(path)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
