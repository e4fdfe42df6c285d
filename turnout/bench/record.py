"""The ratios that are on record, and whether a run is worse: seconds differ between machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turnout.bench.figures import LOWER, Ratio
from turnout.bench.report import Report
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

FILE = REPOSITORY / "docs/benchmarks.json"
PAGE = REPOSITORY / "docs/benchmarks.md"
TOLERANCE = 1.2

Recorded = dict[str, Any]


def read(file: Path = FILE) -> Recorded:
    """Return what is on record, by suite."""
    if not file.exists():
        return {}
    recorded: Recorded = json.loads(file.read_text())
    return recorded


def write(report: Report, file: Path = FILE) -> None:
    """Put this run's ratios on record in place of the suite's earlier ones."""
    recorded = read(file)
    recorded[report.suite] = {
        "command": report.command,
        "machine": report.machine,
        "ratios": {one.name: round(one.value, 3) for one in report.ratios},
    }
    file.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")


def publish(report: Report, page: Path = PAGE) -> None:
    """Put this run's tables into the page in place of the suite's earlier ones.

    Raises:
        TurnoutError: the page has no place for the suite.
    """
    begin, end = f"<!-- bench: {report.suite} -->", "<!-- bench: end -->"
    before, mark, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not mark or not closed:
        raise TurnoutError(
            f"{page} has no place for the suite {report.suite}.",
            next_step=f"add the lines '{begin}' and '{end}' where its tables belong",
        )
    page.write_text(f"{before}{begin}\n\n{report.markdown()}\n\n{end}{after}")


def check(report: Report, file: Path = FILE) -> list[str]:
    """Return a line for each ratio on record that this run has kept.

    Raises:
        TurnoutError: one is more than a fifth worse, or nothing is on record.
    """
    known: dict[str, float] = read(file).get(report.suite, {}).get("ratios", {})
    measured = {one.name: one for one in report.ratios}
    compared = {name: one for name, one in measured.items() if name in known}
    if not compared:
        raise TurnoutError(
            f"No ratio of the suite {report.suite} is on record in {file}.",
            next_step="add --record to the command of a run that you trust, and commit the file",
        )
    worse = list(_worse(compared, known))
    if worse:
        raise TurnoutError(
            f"Slower than recorded by more than {TOLERANCE - 1:.0%}: {report.suite}",
            "\n".join(worse),
            "invoke bench --explain shows where a deploy spends its time; "
            "measure again on a quiet machine before you believe it",
        )
    return [
        f"{name}: {one.value:.2f}, recorded {known[name]:.2f}" for name, one in compared.items()
    ]


def _worse(compared: dict[str, Ratio], known: dict[str, float]) -> Iterator[str]:
    for name, one in compared.items():
        factor = one.value / known[name] if one.better == LOWER else known[name] / one.value
        if factor > TOLERANCE:
            yield f"{name}: {one.value:.2f}, recorded {known[name]:.2f} ({factor - 1:.0%} worse)"
