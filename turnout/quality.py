"""Runs checks, one after another; a failing one does not hide the next."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from turnout import github, stages
from turnout.errors import TurnoutError
from turnout.outcome import Outcome
from turnout.stages import REPORT, Stage


def lint() -> None:
    """Run the linters; raise a `TurnoutError` when one complains."""
    stages.tools()
    conclude([run(stage) for stage in stages.lint_stages()])


def unit(python: str = "", *, coverage: bool = False) -> None:
    """Run the unit and contract tests and the app's, with this version of Python."""
    stages.tools()
    wanted = stages.unit_stages(python or stages.RUNNING, coverage=coverage)
    conclude([run(stage) for stage in wanted])


def fast() -> None:
    """Run everything that needs no lab."""
    stages.tools()
    conclude([run(stage) for stage in (*stages.lint_stages(), *stages.unit_stages())])


def lab() -> None:
    """Run the tests on a lab VM."""
    _with_lab(stages.lab_stages())


def fleet() -> None:
    """Run the tests on several lab VMs."""
    _with_lab(stages.fleet_stages())


def molecule(scenario: str = "") -> None:
    """Run the Molecule scenarios, or one."""
    _with_lab(stages.molecule_stages(scenario))


def soak(instants: int, seed: int, hosts: int, deploys: int, first: int) -> None:
    """Let faults hit a fleet under load at random instants, or only deploy; minutes to hours."""
    _with_lab([stages.soak_stage(instants, seed, hosts, deploys, first)])


def image() -> None:
    """Build the container image and try it in Compose."""
    _with_lab(stages.image_stages())


def _with_lab(wanted: Sequence[Stage]) -> None:
    from turnout.engine import ensure_engine
    from turnout.image import ensure_image
    from turnout.image_base import RELEASES

    stages.tools()
    ensure_engine(print)
    for release in RELEASES:
        ensure_image(release, print)
    conclude([run(stage) for stage in wanted])


def run(stage: Stage) -> Outcome:
    """Run one check in front of the user."""
    print(f"\n== {stage.title}: {' '.join(stage.command)}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        report = Path(folder) / "junit.xml"
        told = stage.names_lines and github.is_watching()
        passed, failed, skipped = count(report, _told(stage) if told else _shown(stage, report))
        github.annotate_tests(report, stage.folder)
    return Outcome(stage.title, time.monotonic() - started, passed, failed, skipped)


def _shown(stage: Stage, report: Path) -> int:
    command = [*stage.argv(), *([f"--junitxml={report}"] if stage.is_pytest else [])]
    return subprocess.run(command, cwd=stage.folder, env=stage.environment()).returncode


def _told(stage: Stage) -> int:
    """Run a check whose words we put beside the code; it is short, so it may end first."""
    done = run_quietly(stage)
    print(done.stdout + done.stderr, flush=True)
    github.annotate_lines(done.stdout, stage.folder)
    return done.returncode


def run_quietly(stage: Stage, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a check for somebody who reads its output; the caller looks at its exit code.

    Args:
        stage: the check.
        variables: what it finds in its environment besides the usual.
    """
    environment = stage.environment() | variables
    return subprocess.run(
        stage.argv(), cwd=stage.folder, env=environment, capture_output=True, text=True, check=False
    )


def count(report: Path, code: int) -> tuple[int, int, int]:
    """Return tests passed, failed and skipped; a run that broke off is one more failure."""
    if not report.exists():
        return (1, 0, 0) if code == 0 else (0, 1, 0)
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 our own file
    total, failed, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    passed = total - failed - skipped
    nothing_ran = 5  # pytest's own code for it; a stage without a test is no failure
    return passed, failed + (1 if code not in (0, nothing_ran) and not failed else 0), skipped


def conclude(outcomes: list[Outcome], write: Callable[[str], None] = print) -> None:
    """Print the table and the closing line.

    Raises:
        TurnoutError: something failed; the table above it says what.
    """
    write("")
    for one in outcomes:
        verdict = "failed" if one.failed else "skipped" if not one.passed and one.skipped else "ok"
        counts = f"{one.passed:5} passed {one.failed:4} failed"
        write(f"{one.title:<28} {verdict:<7} {one.seconds:7.1f} s  {counts}  {one.reason}".rstrip())
    passed, failed, skipped = (
        sum(getattr(one, kind) for one in outcomes) for kind in ("passed", "failed", "skipped")
    )
    if os.environ.get(REPORT):
        Path(os.environ[REPORT]).write_text(json.dumps([asdict(one) for one in outcomes]))
    github.summarise(outcomes)
    write("")
    write(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    if failed:
        names = ", ".join(one.title for one in outcomes if one.failed)
        raise TurnoutError(f"Failed: {names}.", next_step="the output of each is above")
