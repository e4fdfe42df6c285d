"""The app in containers: Compose where it is, and images where no registry answers."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from turnout.docker import DockerError, docker
from turnout.engine import ensure_engine
from turnout.errors import TurnoutError
from turnout.image_base import ensure_base, machine_mirrors
from turnout.lab_errors import LabError
from turnout.lab_packages import install, is_debian_family, missing_programs
from turnout.long_step import Progress
from turnout.paths import REPOSITORY

APP = REPOSITORY / "app"
PROJECT = "app"  # as Compose itself names it, after the folder
BASE_RELEASE = "bookworm"
BASE_PYTHON = "3.11.2"  # Debian 12's
SECONDS = 900.0
# Compose refuses to read the files without them, also where it only takes things down.
REQUIRED = ("BASE", "SECRET_KEY", "POSTGRES_PASSWORD")


def build_image(app: Path = APP, tag: str = "hello-app", progress: Progress = print) -> None:
    """Build the app's image where no registry may answer, with what that takes.

    Raises:
        TurnoutError: the engine, the base, the wheels or the build failed.
    """
    ensure_engine(progress)
    base = local_base(progress)
    fetch_wheels(app, progress)
    build(app, tag, base)


def up(
    app: Path = APP, project: str = PROJECT, progress: Progress = print, **variables: str
) -> None:
    """Start the app, PostgreSQL and Redis, all from images made here.

    Args:
        app: the folder with the files.
        project: names everything that is made.
        progress: gets a line for each step.
        variables: what the files need and the environment or `.env` does not have.

    Raises:
        TurnoutError: as `build_image`; or Compose failed, as it does where a secret is missing.
    """
    ensure_engine(progress)
    command = compose_command(progress)
    variables = {"BASE": local_base(progress)} | variables
    fetch_wheels(app, progress)
    _check(compose(command, app, project, "up", "-d", "--build", **variables), "started")
    where = compose(command, app, project, "port", "app", "8000", **variables).stdout.strip()
    progress(f"The app answers at http://{where}")


def down(
    *options: str, app: Path = APP, project: str = PROJECT, progress: Progress = print
) -> None:
    """Remove the project's containers and network.

    Args:
        options: more to remove, as `docker compose down` names it: ``--volumes``.
        app: the folder with the files.
        project: the name given to `up`.
        progress: gets a line for each step.

    Raises:
        TurnoutError: Compose failed.
    """
    ensure_engine(progress)
    unused = dict.fromkeys(REQUIRED, "unused")
    done = compose(compose_command(progress), app, project, "down", *options, **unused)
    _check(done, "removed")


def compose_command(progress: Progress) -> list[str]:
    """Return the command that Compose is here: version 2 of Docker's, else Debian's package.

    Raises:
        LabError: there is none, and it cannot be installed.
    """
    try:
        docker("compose", "version")
    except DockerError:
        missing = missing_programs(["docker-compose"])
    else:
        return ["docker", "compose"]
    if missing and (os.geteuid() != 0 or not is_debian_family()):
        raise LabError(
            "Compose is not installed",
            where="this machine",
            why="neither `docker compose` nor `docker-compose` answers",
            next_step="sudo apt-get install --no-install-recommends docker-compose"
            if is_debian_family()
            else "install the Compose plugin (https://docs.docker.com/compose/install/)",
        )
    install(missing, progress)
    return ["docker-compose"]


def local_base(progress: Progress) -> str:
    """Return a Debian image that is on this machine: pulled, or made from the Debian mirror.

    Raises:
        LabError: neither gives one.
    """
    return ensure_base(BASE_RELEASE, machine_mirrors()[0], progress)


def fetch_wheels(app: Path, progress: Progress) -> Path:
    """Put the locked wheels into `.wheels/` of the app, so that its build asks no index.

    What is there stays while the lock is the same.

    Raises:
        TurnoutError: a wheel cannot be had.
    """
    folder = app / ".wheels"
    stamp = folder / "locked.sha256"
    wanted = hashlib.sha256((app / "requirements.txt").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / ".gitignore").write_text("*\n")  # wheels beside the code are no change to it
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
    stamp.write_text(wanted)  # last: what an interrupt left half-fetched is fetched again
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
        seconds=SECONDS,
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

    Raises:
        TurnoutError: it is not done in its time.
    """
    files = ["-f", str(app / "compose.yaml"), "-f", str(app / "compose.debian.yaml")]
    try:
        return subprocess.run(
            [*command, "-p", project, *files, *arguments],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TurnoutError(
            f"Compose was not done with `{arguments[0]}` of project {project}.",
            f"no answer within {SECONDS:.0f} s",
            f"docker ps -a --filter name={project} shows how far it came",
        ) from None


def _check(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode != 0:
        raise TurnoutError(
            f"The containers were not {what}.",
            (done.stdout + done.stderr)[-3000:],
            "mend what the last lines name, and run the same command again",
        )
