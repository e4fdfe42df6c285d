"""Every check there is, one stage after another; a failing stage does not hide the next."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.lab_errors import LabError
from turnout.paths import REPOSITORY

BIN = Path(sys.executable).parent
DEV = REPOSITORY / "requirements-dev.txt"


@dataclass(frozen=True)
class Stage:
    """One check: a title, its command, whether pytest counts its tests, and where it runs."""

    title: str
    command: tuple[str, ...]
    is_pytest: bool = False
    folder: Path = REPOSITORY


@dataclass(frozen=True)
class Outcome:
    """How a stage ended; a stage that counts nothing is one test itself."""

    title: str
    seconds: float
    passed: int
    failed: int
    skipped: int = 0


LINT = (
    Stage("ruff format", ("ruff", "format", "--check", ".")),
    Stage("ruff check", ("ruff", "check", ".")),
    Stage("mypy", ("mypy",)),
    Stage("yamllint", ("yamllint", "--strict", ".")),
    Stage("ansible-lint", ("ansible-lint", "--offline")),
)


def lint() -> None:
    """Run the linters; raise a `TurnoutError` when one complains."""
    ensure_tools()
    _conclude([_run(stage) for stage in LINT])


def run_all(*, fast: bool = False) -> None:
    """Run everything; with ``fast`` only what needs no lab.

    Raises:
        TurnoutError: something failed; the table above it says what.
    """
    ensure_tools()
    outcomes = [_run(stage) for stage in (*LINT, *unit_stages())]
    if not fast:
        outcomes += _lab_outcomes()
    _conclude(outcomes)


def unit_stages() -> list[Stage]:
    """Return the stages that need no lab."""
    fast = "not lab and not slow"
    stages = [Stage("unit and contract tests", ("pytest", "-q", "-m", fast), is_pytest=True)]
    return [*stages, *app_stages(REPOSITORY / "app")]


def app_stages(app: Path) -> list[Stage]:
    """Return the app's own tests, in an environment of its own locked requirements."""
    if not (app / "tests").is_dir():
        return []
    command = ["uv", "run", "--no-project", "--quiet", "--python", sys.executable]
    for name in ("requirements.txt", "requirements-dev.txt"):
        command += ["--with-requirements", name] if (app / name).exists() else []
    command += ["python", "-m", "pytest", "-q"]
    return [Stage("app", tuple(command), is_pytest=True, folder=app)]


def lab_stages() -> list[Stage]:
    """Return the stages that need the engine: lab tests, then each Molecule scenario."""
    lab = ("pytest", "-q", "-m", "lab and not slow")
    scenarios = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))
    return [
        Stage("lab", lab, is_pytest=True),
        *(
            Stage(f"molecule {name}", ("molecule", "test", "--scenario-name", name))
            for name in scenarios
        ),
    ]


def _lab_outcomes() -> list[Outcome]:
    started = time.monotonic()
    try:
        _make_lab_ready()
    except LabError as error:
        print(error, flush=True)
        return [Outcome("lab image", time.monotonic() - started, 0, 1)]
    return [_run(stage) for stage in lab_stages()]


def _make_lab_ready() -> None:
    from turnout.engine import ensure_engine
    from turnout.image import ensure_image
    from turnout.image_base import RELEASES

    ensure_engine(print)
    for release in RELEASES:
        ensure_image(release, print)


def ensure_tools() -> None:
    """Install the locked test tools once for each state of requirements-dev.txt.

    Raises:
        TurnoutError: they cannot be installed.
    """
    stamp = Path(sys.prefix) / ".dev-tools"  # gone with the environment that has them
    wanted = hashlib.sha256(DEV.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing the test tools of requirements-dev.txt", flush=True)
    command = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
    done = subprocess.run([*command, "--require-hashes", "-r", str(DEV)], cwd=REPOSITORY)
    if done.returncode != 0:
        raise TurnoutError(
            "The test tools cannot be installed.",
            next_step="is a package index in reach? See the message above",
        )
    stamp.write_text(wanted)


def _run(stage: Stage) -> Outcome:
    print(f"\n== {stage.title}: {' '.join(stage.command)}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        report = Path(folder) / "junit.xml"
        extra = [f"--junitxml={report}"] if stage.is_pytest else []
        command = [str(BIN / stage.command[0]), *stage.command[1:], *extra]
        code = subprocess.run(command, cwd=stage.folder, env=_environment()).returncode
        passed, failed, skipped = _count(report, code)
    return Outcome(stage.title, time.monotonic() - started, passed, failed, skipped)


def run_quietly(stage: Stage, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a stage for somebody who reads its output; the caller looks at its exit code.

    Args:
        stage: the check.
        variables: what it finds in its environment besides the usual.
    """
    command = [str(BIN / stage.command[0]), *stage.command[1:]]
    environment = _environment() | variables
    return subprocess.run(
        command, cwd=stage.folder, env=environment, capture_output=True, text=True, check=False
    )


def _count(report: Path, code: int) -> tuple[int, int, int]:
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


def _environment() -> dict[str, str]:
    """Molecule and ansible-lint start their siblings by name."""
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def _conclude(outcomes: list[Outcome], write: Callable[[str], None] = print) -> None:
    """Print the table and the closing line; raise when anything failed."""
    write("")
    for one in outcomes:
        verdict = "failed" if one.failed else "ok"
        counts = f"{one.passed:5} passed {one.failed:4} failed"
        write(f"{one.title:<28} {verdict:<7} {one.seconds:7.1f} s  {counts}")
    passed, failed, skipped = (
        sum(getattr(one, kind) for one in outcomes) for kind in ("passed", "failed", "skipped")
    )
    write("")
    write(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    if failed:
        names = ", ".join(one.title for one in outcomes if one.failed)
        raise TurnoutError(f"Failed: {names}.", next_step="the output of each is above")
