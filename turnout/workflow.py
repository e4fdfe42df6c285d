"""The list of checks is the workflow that CI runs: `./inv test` reads it and runs its steps here.

So the workflow cannot rot unseen, and what is green here is green there. As there, jobs run beside
each other: tests on VMs wait for half of their time, and others compute meanwhile.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from turnout.errors import NOT_HERE, TurnoutError
from turnout.long_step import last_lines
from turnout.outcome import Outcome
from turnout.paths import REPOSITORY
from turnout.quality import conclude
from turnout.stages import COVERAGE, REPORT

CI = Path(".github/workflows/ci.yml")
MEASURED = COVERAGE.relative_to(REPOSITORY)
# With three on two processors the whole takes as long, and each test longer.
AT_ONCE = max(2, min(4, os.cpu_count() or 1))
# What is shown at its end says now and then where it is.
TELL_SECONDS = 60.0
TELL_CHARACTERS = 90
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MATRIX = re.compile(r"\$\{\{ *matrix\.([a-z_]+) *\}\}")


@dataclass(frozen=True)
class Step:
    """One `run:` of a job, its matrix filled in.

    Args:
        combination: of the matrix, by number; its steps follow one another.
        rank: how many jobs come before its job, at most.
        is_longest: nothing else takes so long, so it begins first.
    """

    job: str
    command: str
    combination: int = 0
    rank: int = 1
    is_longest: bool = False

    @property
    def chain(self) -> tuple[str, int]:
        return self.job, self.combination


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
    conclude(beside_each_other(wanted, repository))


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


def beside_each_other(wanted: list[Step], repository: Path) -> list[Outcome]:
    """Run steps, those of independent jobs some at a time; return how they ended, in their order.

    What needs others waits for all of them. The longest job begins first, and the rest goes on
    beside it. One that runs alone is watched while it runs; of several, each says its last line
    once a minute and is shown at its end.
    """
    found: dict[Step, list[Outcome]] = {}

    def follow(chain: list[Step]) -> None:
        for step in chain:
            found[step] = run(step, repository, watched=not several)

    for _, rank in itertools.groupby(wanted, key=lambda step: step.rank):
        chains = [list(chain) for _, chain in itertools.groupby(rank, key=lambda s: s.chain)]
        several = len(chains) > 1
        chains.sort(key=lambda chain: not chain[0].is_longest)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for done in [pool.submit(follow, chain) for chain in chains]:
                done.result()
    return [outcome for step in wanted for outcome in found[step]]


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
    longest = max(jobs, key=lambda name: _minutes(jobs[name]))
    return [
        Step(name, command, chain, depth[name], is_longest=name == longest)
        for name in sorted(jobs, key=lambda name: depth[name])
        for chain, command in commands(jobs[name])
    ]


def _needs(job: dict[str, Any]) -> set[str]:
    needs = job.get("needs", [])
    return {needs} if isinstance(needs, str) else set(needs)


def _minutes(job: dict[str, Any]) -> int:
    return int(job.get("timeout-minutes", 0))


def commands(job: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the commands of a job, once for each combination of its matrix, with its number."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for number, values in enumerate(itertools.product(*matrix.values())):
        chosen = {name: str(value) for name, value in zip(matrix, values, strict=True)}
        for step in job.get("steps", []):
            if "run" in step:
                command = MATRIX.sub(lambda found: chosen[found[1]], step["run"])  # noqa: B023
                yield number, command.strip()


def run(step: Step, repository: Path, *, watched: bool = True) -> list[Outcome]:
    """Run one step as CI would and return how its checks ended.

    Args:
        watched: show its output while it runs, instead of at its end.
    """
    print(f"\n=== {step.job}: {step.command}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        report, shown = Path(folder) / "report.json", Path(folder) / "output"
        environment = {**os.environ, REPORT: str(report)}
        with shown.open("wb") as output:
            kept: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT}
            # As GitHub's runners do it.
            command = ["bash", "-e", "-c", step.command]
            process = subprocess.Popen(
                command, cwd=repository, env=environment, **({} if watched else kept)
            )
            while (code := _ended(process)) is None:
                if not watched:
                    _tell(step, time.monotonic() - started, shown)
        seconds = time.monotonic() - started
        if not watched:
            _show(step, seconds, shown.read_text(errors="replace"))
        sys.stdout.flush()
        outcomes = (
            [Outcome(**one) for one in json.loads(report.read_text())] if report.exists() else []
        )
    if code == NOT_HERE:
        return [Outcome(step.command, seconds, 0, 0, 1, "cannot be done on this machine")]
    if code and not any(one.failed for one in outcomes):
        outcomes.append(Outcome(step.command, seconds, 0, 1))
    return outcomes or [Outcome(step.command, seconds, 1, 0)]


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code, or None when it is time to say what it is about."""
    try:
        return process.wait(timeout=TELL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _tell(step: Step, seconds: float, output: Path) -> None:
    last = COLOURS.sub("", last_lines(output, 1))[:TELL_CHARACTERS]
    print(f"    {step.job}, {seconds:.0f} s: {last}", flush=True)


def _show(step: Step, seconds: float, output: str) -> None:
    # In one piece: another step may end at the same moment.
    print(f"\n=== {step.job}: {step.command}, after {seconds:.0f} s\n{output}", end="", flush=True)
