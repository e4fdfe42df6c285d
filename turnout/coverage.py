"""Adds up what the checks have run of the code, and refuses what falls below the gate.

The gate is `fail_under` in pyproject.toml. It holds twice: for coverage.py's total, in which
lines and branches are counted together, and for the branches alone, which are harder.
"""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from turnout import github, stages
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY


@dataclass(frozen=True)
class Covered:
    """How much of the code was run, in percent."""

    total: float
    branches: float

    def __str__(self) -> str:
        return f"{self.branches:.1f}% of the branches, {self.total:.1f}% with the lines"


def gate(repository: Path = REPOSITORY, measured: Path = stages.COVERAGE) -> None:
    """Combine what the stages measured, write HTML and XML, and hold it against `fail_under`.

    Args:
        repository: whose code was run, and whose pyproject.toml says how much of it must be.
        measured: the folder in which each check left what it counted.

    Raises:
        TurnoutError: nothing was measured, or too little of the code was run.
    """
    data = sorted(str(path) for path in measured.glob("data.*"))
    if not data:
        raise TurnoutError(
            "No check has measured its coverage yet.", next_step="./inv test.unit --coverage"
        )
    run = _Coverage(stages.tools() / "coverage", repository, measured / "all")
    run("combine", "--keep", "--quiet", *data)
    run("xml", "--quiet", "-o", str(measured / "coverage.xml"))
    run("html", "--quiet", "-d", str(measured / "html"))
    run("json", "--quiet", "-o", str(measured / "coverage.json"))
    print(run("report", "--skip-covered"))
    covered = _covered(measured / "coverage.json")
    github.write_summary(f"Coverage: {covered}")
    page = measured / "html/index.html"
    print(f"{covered}\nPages: {page}", flush=True)
    wanted = _wanted(repository)
    if min(covered.total, covered.branches) < wanted:
        raise TurnoutError(
            f"The tests run too little of the code: {wanted}% is the least.",
            str(covered),
            f"{page} shows which lines",
        )


def _covered(report: Path) -> Covered:
    totals = json.loads(report.read_text())["totals"]
    return Covered(totals["percent_covered"], totals["percent_branches_covered"])


def _wanted(repository: Path) -> float:
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    return float(settings["tool"]["coverage"]["report"]["fail_under"])


@dataclass(frozen=True)
class _Coverage:
    """coverage.py's own command, in a repository."""

    program: Path
    repository: Path
    file: Path

    def __call__(self, verb: str, *arguments: str) -> str:
        """Run a verb and return what it prints; holding the gate is not left to it."""
        open_gate = () if verb == "combine" else ("--fail-under=0",)
        done = subprocess.run(
            [str(self.program), verb, *open_gate, *arguments],
            cwd=self.repository,
            env=os.environ | {"COVERAGE_FILE": str(self.file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise TurnoutError(
                f"`coverage {verb}` failed.",
                done.stdout,
                "rm -r .turnout/coverage, and run the checks again",
            )
        return done.stdout
