"""Every call of the docker command goes through here, bounded in time and with readable errors."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from turnout.lab_errors import LabError

SECONDS = 60.0


class DockerError(LabError):
    """The docker command answered with an error, or not at all in its time."""


def docker(*arguments: str, seconds: float = SECONDS, stdin: str | None = None) -> str:
    """Run one docker command and return what it printed.

    Args:
        arguments: The command line after ``docker``.
        seconds: How long it may take.
        stdin: Text for its standard input.

    Raises:
        DockerError: if it fails, or takes longer than ``seconds``.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failed(arguments, f"no answer within {seconds:.0f} s") from None
    except FileNotFoundError:
        raise _failed(arguments, "the docker command is not installed") from None
    if done.returncode != 0:
        raise _failed(arguments, done.stderr or done.stdout or f"exit code {done.returncode}")
    return done.stdout


def inspect(kind: str, *names: str) -> list[dict[str, Any]]:
    """Return what docker knows about the containers, networks or images ``names``."""
    if not names:
        return []
    found: list[dict[str, Any]] = json.loads(docker(kind, "inspect", *names))
    return found


def _failed(arguments: tuple[str, ...], why: str) -> DockerError:
    return DockerError(
        f"docker {arguments[0]} failed",
        where=" ".join(("docker", *arguments))[:200],
        why=why,
        next_step="./inv lab.up puts the lab right; ./inv lab.down && ./inv lab.up starts afresh",
    )
