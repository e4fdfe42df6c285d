"""The app in containers: Compose where it is, and images where no registry answers."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from turnout.docker import docker
from turnout.errors import TurnoutError
from turnout.image_base import ensure_base, machine_mirrors
from turnout.lab_packages import install, missing_programs
from turnout.long_step import Progress

BASE_RELEASE = "bookworm"
BASE_PYTHON = "3.11.2"  # Debian 12's


def compose_command(progress: Progress) -> list[str]:
    """Return the command that Compose is here: version 2 of Docker's, else Debian's 1.29.

    Raises:
        LabError: there is none, and it cannot be installed.
    """
    found = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if found.returncode == 0:
        return ["docker", "compose"]
    install(missing_programs(["docker-compose"]), progress)
    return ["docker-compose"]


def local_base(progress: Progress) -> str:
    """Return a Debian image that is on this machine: pulled, or made from the Debian mirror.

    Raises:
        LabError: neither gives one.
    """
    return ensure_base(BASE_RELEASE, machine_mirrors()[0], progress)


def fetch_wheels(app: Path, progress: Progress) -> Path:
    """Put the locked wheels into `.wheels/` of the app, so that its build asks no index.

    Raises:
        TurnoutError: a wheel cannot be had.
    """
    folder = app / ".wheels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    progress("Fetching the app's locked wheels")
    # pip judges the lock's markers by the Python that runs it, so they are resolved before.
    plain = folder / "locked.txt"
    resolve = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
    resolve += ["--generate-hashes", "--no-annotate", f"--python-version={BASE_PYTHON}"]
    resolve += ["--python-platform=linux", "--constraint=requirements.txt", "requirements.in"]
    _run([*resolve, "--output-file", str(plain)], app)
    machine = platform.machine()
    kinds = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux1")
    fetch = [sys.executable, "-m", "pip", "--quiet", "download", "--require-hashes", "--no-deps"]
    fetch += ["--only-binary=:all:", f"--python-version={BASE_PYTHON}"]
    fetch += [f"--platform={kind}_{machine}" for kind in kinds]
    _run([*fetch, "--dest", str(folder), "-r", str(plain)], app)
    return folder


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TurnoutError(
            "The app's wheels cannot be fetched.", done.stderr[-3000:], "is an index in reach?"
        )


def build(app: Path, tag: str, base: str, *, target: str = "") -> None:
    """Build the app's image.

    Args:
        app: the folder with the Dockerfile.
        tag: the image's name.
        base: the image it starts from.
        target: stop at this stage.
    """
    stage = [f"--target={target}"] if target else []
    docker(
        "build", "--quiet", f"--tag={tag}", f"--build-arg=BASE={base}", *stage, str(app),
        seconds=900,
    )  # fmt: skip


def compose(
    command: list[str], app: Path, project: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Compose with the files for a place without a registry.

    Args:
        command: what `compose_command` returned.
        app: the folder with the files.
        project: names everything that is made.
        arguments: what Compose shall do.
        variables: what the files need: secrets go this way, never into the command.
    """
    files = ["-f", str(app / "compose.yaml"), "-f", str(app / "compose.debian.yaml")]
    return subprocess.run(
        [*command, "-p", project, *files, *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
