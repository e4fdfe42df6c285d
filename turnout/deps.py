"""Lock the requirements with hashes, one universal file for every Python that is supported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

OLDEST_PYTHON = "3.11"


@dataclass(frozen=True)
class Lock:
    """One locked file: the folder it is in, its name, and the files it is made from."""

    folder: str
    name: str
    sources: tuple[str, ...]


# The test tools are installed into the same environment, so they are resolved with the rest.
LOCKS = (
    Lock(".", "requirements.txt", ("requirements.in",)),
    Lock(".", "requirements-dev.txt", ("requirements.in", "requirements-dev.in")),
    Lock("app", "requirements.txt", ("requirements.in",)),
    Lock("app", "requirements-sentry.txt", ("requirements.in", "requirements-sentry.in")),
    Lock("app", "requirements-dev.txt", ("requirements-dev.in",)),
)


def lock(*, upgrade: bool = False) -> None:
    """Write every locked file; pins stay unless ``upgrade``.

    Raises:
        TurnoutError: a file cannot be resolved.
    """
    for one in LOCKS:
        folder = REPOSITORY / one.folder
        if all((folder / source).exists() for source in one.sources):
            _lock(one, folder, upgrade)
            print(f"{Path(one.folder) / one.name} is locked", flush=True)


def _lock(one: Lock, folder: Path, upgrade: bool) -> None:
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
    command += ["--universal", "--generate-hashes", "--python-version", OLDEST_PYTHON]
    command += ["--no-emit-index-url", "--custom-compile-command", "./inv deps.lock"]
    command += ["--upgrade"] if upgrade else []
    command += [*one.sources, "--output-file", one.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise TurnoutError(
            f"{Path(one.folder) / one.name} cannot be locked.",
            done.stderr,
            "loosen the requirement that the message names",
        )
