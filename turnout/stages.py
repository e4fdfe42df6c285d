"""The checks there are: what each runs, where, and with which Python."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from turnout import github
from turnout.errors import NotHere, TurnoutError
from turnout.lab_state import locked
from turnout.paths import REPOSITORY

BIN = Path(sys.executable).parent
DEV = REPOSITORY / "requirements-dev.txt"
VENVS = REPOSITORY / ".turnout/venvs"
COVERAGE = REPOSITORY / ".turnout/coverage"
WORKFLOWS = REPOSITORY / ".github/workflows"
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# Names the file in which a check leaves its counts for whoever started it.
REPORT = "TURNOUT_REPORT"
RUFF = ("--output-format=github",)
VMS = "tests/lab"
# These need the engine for containers, not for VMs, and are a check of their own.
CONTAINERS = "tests/lab/test_containers.py"
# What starts programs (whole commands as a person runs them, builds, git, hooks, gunicorn), no VM.
COMMANDS = "tests/commands"
# Of the supported Pythons: what runs as a whole command with both does with those between.
ENDS = ("3.11", "3.13")
# Small and many: reading all of them takes longer than running a share, so each process reads its
# share only (tests/sharing.py). Of how many the tests are some per cent pytest does not know then.
UNIT = (
    "--dist=each",
    "--override-ini=console_output_style=classic",
    f"--ignore={COMMANDS}",
    f"--ignore={VMS}",
)
# Tests of one file share what they made, which takes longer than they do.
WHOLE_COMMANDS = ("--dist=loadfile", COMMANDS)


@dataclass(frozen=True)
class Stage:
    """One check: a title, its command, whether pytest counts its tests, and where it runs.

    Linters annotate the code on GitHub: by themselves, when told so (``on_github``), or with our
    help where they print `file:line: error: message` (``names_lines``).
    """

    title: str
    command: tuple[str, ...]
    is_pytest: bool = False
    folder: Path = REPOSITORY
    bin: Path = BIN
    variables: dict[str, str] = field(default_factory=dict)
    on_github: tuple[str, ...] = ()
    names_lines: bool = False

    def argv(self) -> list[str]:
        """Return the command with the full path of its program."""
        extra = self.on_github if github.is_watching() else ()
        return [str(self.bin / self.command[0]), *self.command[1:], *extra]

    def environment(self) -> dict[str, str]:
        """Molecule and ansible-lint start their siblings by name."""
        path = f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}"
        return os.environ | {"PATH": path} | self.variables


def lint_stages() -> list[Stage]:
    """Return what looks at the code without running it."""
    return [
        Stage("ruff format", ("ruff", "format", "--check", "."), on_github=RUFF),
        Stage("ruff check", ("ruff", "check", "."), on_github=RUFF),
        Stage("mypy", ("mypy",), names_lines=True),
        Stage("yamllint", ("yamllint", "--strict", ".")),
        Stage("ansible-lint", ("ansible-lint", "--offline")),
        Stage(
            "zizmor",
            ("zizmor", "--offline", "--quiet", str(WORKFLOWS)),
            on_github=("--format=github",),
        ),
    ]


def unit_stages(python: str = RUNNING, *, coverage: bool = False) -> list[Stage]:
    """Return what needs no lab: unit, contract and template tests, commands, the app's own tests.

    Whole commands and the app's tests run with the running Python, the oldest and the newest.

    Args:
        python: the version that runs them.
        coverage: count the code that they run. The other Pythons take the same branches as the
            running one, and more time, so they are never measured.

    Raises:
        NotHere: this machine does not have that Python.
    """
    measure = coverage and python == RUNNING
    is_between = python not in (RUNNING, *ENDS)
    kinds = {"unit": UNIT} if is_between else {"unit": UNIT, "commands": WHOLE_COMMANDS}
    ours = [
        Stage(
            kind if python == RUNNING else f"{kind}, Python {python}",
            ("pytest", "-q", "--numprocesses=auto", *which, *_measuring(measure)),
            is_pytest=True,
            bin=tools(python),
            variables=_data(kind) if measure else {},
        )
        for kind, which in kinds.items()
    ]
    if is_between:
        return ours
    return [*ours, *app_stages(REPOSITORY / "app", python, measure=measure)]


def app_stages(app: Path, python: str = RUNNING, *, measure: bool = False) -> list[Stage]:
    """Return the app's own tests, in an environment of its own locked requirements.

    Args:
        app: the folder of the app.
        python: the version that runs them.
        measure: count the code that they run, where the app says what of it.
    """
    if not (app / "tests").is_dir():
        return []
    command = ["uv", "run", "--no-project", "--quiet", "--compile-bytecode"]
    command += ["--python", interpreter(python)]
    for name in ("requirements.txt", "requirements-dev.txt"):
        command += ["--with-requirements", name] if (app / name).exists() else []
    measure = measure and _says_what(app)
    command += ["python", "-m", "pytest", "-q", *_measuring(measure)]
    title = "app" if python == RUNNING else f"app, Python {python}"
    variables = _data("app") if measure else {}
    return [Stage(title, tuple(command), is_pytest=True, folder=app, variables=variables)]


def lab_stages() -> list[Stage]:
    """Return the tests on a lab VM."""
    # What the tests of a file share takes longer than they do; tests/lab/conftest.py orders them.
    whole_files = ("--dist=loadfile", "--no-loadscope-reorder")
    return [_on_vms("lab", "lab and not fleet and not slow", *whole_files)]


def fleet_stages() -> list[Stage]:
    """Return the tests on several VMs with one app and one database."""
    # They share their fleet alone, so who has none left takes some of the other's.
    return [_on_vms("fleet", "fleet and not slow", "--dist=worksteal")]


def _on_vms(title: str, which: str, *how: str) -> Stage:
    # Two processes, each with VMs of its own: they wait for half of their time.
    shared = ("--numprocesses=2", *how)
    command = ("pytest", "-q", "--durations=20", *shared, "-m", which, VMS)
    return Stage(title, (*command, f"--ignore={CONTAINERS}"), is_pytest=True)


def molecule_stages(scenario: str = "") -> list[Stage]:
    """Return the Molecule scenarios, or the one that is named.

    Raises:
        TurnoutError: there is no such scenario.
    """
    found = sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml"))
    if scenario and scenario not in found:
        raise TurnoutError(f"There is no scenario {scenario}.", next_step=f"one of {found}")
    return [
        Stage(f"molecule {name}", ("molecule", "test", "--scenario-name", name))
        for name in ([scenario] if scenario else found)
    ]


def image_stages() -> list[Stage]:
    """Return the tests of the container image and of Compose."""
    return [Stage("containers", ("pytest", "-q", "-m", "lab", CONTAINERS), is_pytest=True)]


def soak_stage(instants: int, seed: int, hosts: int, deploys: int = 0, first: int = 1) -> Stage:
    """Return the long run of faults, or of deploys without any.

    Args:
        seed: decides the instants; 0 lets the run choose one, and say which.
        deploys: how many, instead of faults.
        first: the instant to go on with, of a run with this seed that was interrupted.
    """
    if deploys:
        words = ["python", "-m", "tests.lab.soak_deploys", "--deploys", str(deploys)]
        return Stage("soak", (*words, "--hosts", str(hosts)))
    words = ["python", "-m", "tests.lab.soak", "--instants", str(instants), "--hosts", str(hosts)]
    words += ["--seed", str(seed)] if seed else []
    words += ["--first", str(first)] if first > 1 else []
    return Stage("soak", tuple(words))


def _measuring(wanted: bool) -> tuple[str, ...]:
    """What is measured is in the pyproject.toml of the folder that the tests run in."""
    return ("--cov", "--cov-branch", "--cov-report=", "--cov-fail-under=0") if wanted else ()


def _says_what(app: Path) -> bool:
    """An app that says nothing of coverage is not measured, and needs nothing for it."""
    settings = app / "pyproject.toml"
    return settings.exists() and "coverage" in tomllib.loads(settings.read_text()).get("tool", {})


def _data(stage: str) -> dict[str, str]:
    COVERAGE.mkdir(parents=True, exist_ok=True)
    return {"COVERAGE_FILE": str(COVERAGE / f"data.{stage}-{RUNNING}")}


def interpreter(python: str) -> str:
    """Return the program of this version of Python.

    Raises:
        NotHere: this machine does not have it, and it cannot be fetched.
    """
    if python == RUNNING:
        return sys.executable
    # pyenv's own programs answer for the version that is chosen, not for those that are there.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [os.environ.get("PATH", os.defpath), *map(str, pyenv.glob("versions/*/bin"))]
    found = subprocess.run(
        [str(BIN / "uv"), "python", "find", python],
        env=os.environ | {"PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode != 0:
        raise NotHere(
            f"There is no Python {python} on this machine.",
            next_step="install it, or leave this check to a machine that has it",
        )
    return found.stdout.strip()


def tools(python: str = RUNNING) -> Path:
    """Return the folder of programs with the locked test tools, installing them once.

    Those of the running Python go into its own environment, the others into one for each version.

    Raises:
        NotHere: this machine does not have that Python.
        TurnoutError: they cannot be installed.
    """
    environment = Path(sys.prefix) if python == RUNNING else VENVS / python
    program = BIN.parent / "bin/python" if python == RUNNING else environment / "bin/python"
    stamp = environment / ".dev-tools"  # gone with the environment that has them
    wanted = hashlib.sha256(DEV.read_bytes()).hexdigest()
    with locked(VENVS.with_name("tools.lock"), print):
        if not (stamp.exists() and stamp.read_text() == wanted):
            _install(python, program, environment)
            stamp.write_text(wanted)
    return program.parent


def _install(python: str, program: Path, environment: Path) -> None:
    print(f"Installing the test tools of {DEV.name} for Python {python}", flush=True)
    uv = str(BIN / "uv")
    commands = [[uv, "pip", "install", "--quiet", "--python", str(program)]]
    # uv leaves it to the first import, which cannot where nothing may be written beside the code.
    commands[-1] += ["--compile-bytecode", "--require-hashes", "-r", str(DEV)]
    if python != RUNNING:
        make = [uv, "venv", "--quiet", "--clear", "--python", interpreter(python), str(environment)]
        commands.insert(0, make)
    for command in commands:
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0:
            raise TurnoutError(
                "The test tools cannot be installed.",
                next_step="is a package index in reach? See the message above",
            )
