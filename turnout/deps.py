"""Lock the requirements with hashes, one universal file for every Python that is supported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

OLDEST_PYTHON = "3.11"
SOURCES = (
    "requirements.in",
    "requirements-dev.in",
    "app/requirements.in",
    "app/requirements-dev.in",
)


def lock(*, upgrade: bool = False) -> None:
    """Write the `.txt` beside each `.in` file; pins stay unless ``upgrade``.

    Raises:
        TurnoutError: a file cannot be resolved.
    """
    for source in (REPOSITORY / name for name in SOURCES):
        if source.exists():
            _lock(source, upgrade)
            print(f"{source.with_suffix('.txt').relative_to(REPOSITORY)} is locked")


def _lock(source: Path, upgrade: bool) -> None:
    name = source.relative_to(REPOSITORY)
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
    command += ["--universal", "--generate-hashes", "--python-version", OLDEST_PYTHON]
    command += ["--no-emit-index-url", "--custom-compile-command", "./inv deps.lock"]
    command += ["--upgrade"] if upgrade else []
    command += [str(name), "--output-file", str(name.with_suffix(".txt"))]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != 0:
        raise TurnoutError(
            f"{name} cannot be locked.",
            done.stderr,
            "loosen the requirement that the message names",
        )
