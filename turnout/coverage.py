"""Adds up which branches the checks have taken, and refuses what falls below the gate."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from turnout import github, stages
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY


def gate() -> None:
    """Combine what the stages measured, write HTML and XML, and hold it against `fail_under`.

    Raises:
        TurnoutError: nothing was measured, or too little of the code was run.
    """
    programs = stages.tools()
    data = sorted(str(path) for path in stages.COVERAGE.glob("data.*"))
    if not data:
        raise TurnoutError(
            "No check has measured its coverage yet.", next_step="./inv test.unit, then test.lab"
        )
    _coverage(programs, "combine", "--keep", "--quiet", *data)
    _coverage(
        programs, "xml", "--quiet", "--fail-under=0", "-o", str(stages.COVERAGE / "coverage.xml")
    )
    _coverage(programs, "html", "--quiet", "--fail-under=0", "-d", str(stages.COVERAGE / "html"))
    total = _coverage(programs, "report", "--format=total", "--fail-under=0", quiet=True).strip()
    github.write_summary(f"Branch coverage: {total}%")
    print(_coverage(programs, "report", "--skip-covered", "--fail-under=0", quiet=True))
    print(f"Pages: {stages.COVERAGE.relative_to(REPOSITORY)}/html/index.html", flush=True)
    _coverage(programs, "report", "--format=total")


def _coverage(programs: Path, *arguments: str, quiet: bool = False) -> str:
    environment = {"COVERAGE_FILE": str(stages.COVERAGE / "all")}
    done = subprocess.run(
        [str(programs / "coverage"), *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TurnoutError(
            "The tests run too little of the code."
            if done.returncode == 2
            else f"`coverage {arguments[0]}` failed.",
            done.stdout,
            f"{stages.COVERAGE.relative_to(REPOSITORY)}/html/index.html shows which lines",
        )
    return done.stdout
