"""The list of checks is the workflow that CI runs: `./inv test` reads it and runs its steps here.

So the workflow cannot rot unseen, and what is green here is green there.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from turnout.errors import NOT_HERE, TurnoutError
from turnout.paths import REPOSITORY
from turnout.quality import Outcome, conclude
from turnout.stages import COVERAGE, REPORT

CI = Path(".github/workflows/ci.yml")
MEASURED = COVERAGE.relative_to(REPOSITORY)
MATRIX = re.compile(r"\$\{\{ *matrix\.([a-z_]+) *\}\}")


@dataclass(frozen=True)
class Step:
    """One `run:` of a job, its matrix filled in."""

    job: str
    command: str


def run_all(repository: Path = REPOSITORY, *, job: str = "") -> None:
    """Run every step of the workflow in job order, and print one table.

    Args:
        repository: the checkout to run in.
        job: only this job; all by default.

    Raises:
        TurnoutError: a step failed, or the workflow cannot be read.
    """
    wanted = [step for step in steps(repository / CI) if job in ("", step.job)]
    if not wanted:
        raise TurnoutError(f"{CI} has no job {job} with a step.", next_step="see its `jobs:`")
    if not job:  # what an older run has measured says nothing about this code
        shutil.rmtree(repository / MEASURED, ignore_errors=True)
    conclude([outcome for step in wanted for outcome in run(step, repository)])


def run_in_clean_clone(*, job: str = "") -> None:
    """Do the same with what is committed, in a clone of its own: what a push will meet.

    Raises:
        TurnoutError: a step failed.
    """
    with tempfile.TemporaryDirectory(prefix="turnout-ci-") as folder:
        clone = Path(folder) / "clone"
        command = ["git", "clone", "--quiet", "--no-local", str(REPOSITORY), str(clone)]
        subprocess.run(command, check=True)
        run_all(clone, job=job)


def steps(workflow: Path) -> list[Step]:
    """Return the `run:` steps in the order in which their jobs may run.

    Raises:
        TurnoutError: the jobs need each other in a circle, or one that is not there.
    """
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    needs = {name: _needs(job) for name, job in jobs.items()}
    unknown = set().union(*needs.values()) - jobs.keys()
    if unknown:
        raise TurnoutError(f"{workflow} needs jobs that it does not have: {sorted(unknown)}")
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise TurnoutError(f"The jobs of {workflow} need each other: {error.args[1]}") from error
    # Among those that may run, the workflow's own order.
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = 1 + max((depth[other] for other in needs[name]), default=0)
    return [
        Step(name, command)
        for name in sorted(jobs, key=lambda name: depth[name])
        for command in commands(jobs[name])
    ]


def _needs(job: dict[str, Any]) -> set[str]:
    needs = job.get("needs", [])
    return {needs} if isinstance(needs, str) else set(needs)


def commands(job: dict[str, Any]) -> Iterator[str]:
    """Yield the commands of a job, once for each combination of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for values in itertools.product(*matrix.values()):
        chosen = {name: str(value) for name, value in zip(matrix, values, strict=True)}
        for step in job.get("steps", []):
            if "run" in step:
                yield MATRIX.sub(lambda found: chosen[found[1]], step["run"]).strip()  # noqa: B023


def run(step: Step, repository: Path) -> list[Outcome]:
    """Run one step as CI would and return how its checks ended."""
    print(f"\n=== {step.job}: {step.command}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        report = Path(folder) / "report.json"
        environment = {**os.environ, REPORT: str(report)}
        # As GitHub's runners do it.
        command = ["bash", "-e", "-c", step.command]
        code = subprocess.run(command, cwd=repository, env=environment).returncode
        sys.stdout.flush()
        outcomes = (
            [Outcome(**one) for one in json.loads(report.read_text())] if report.exists() else []
        )
    seconds = time.monotonic() - started
    if code == NOT_HERE:
        return [Outcome(step.command, seconds, 0, 0, 1, "cannot be done on this machine")]
    if code and not any(one.failed for one in outcomes):
        outcomes.append(Outcome(step.command, seconds, 0, 1))
    return outcomes or [Outcome(step.command, seconds, 1, 0)]
