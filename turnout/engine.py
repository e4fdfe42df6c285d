"""Gets a Docker engine going where there is none, saying what it does."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from turnout.lab_errors import LabError
from turnout.lab_packages import SSH, install, is_debian_family, missing_programs, remedy
from turnout.long_step import Progress, last_lines
from turnout.paths import LABS

START_SECONDS = 60.0
PAUSE_SECONDS = 0.3
LOG = LABS / "dockerd.log"
PID_FILES = (
    Path("/var/run/docker.pid"),
    Path("/var/run/docker/containerd/containerd.pid"),
)


def ensure_engine(progress: Progress) -> None:
    """Return with a Docker engine that answers and the programs the lab needs.

    As root on Debian or Ubuntu it installs what is missing and starts the engine.

    Raises:
        LabError: where it may not or cannot, with the command to run.
    """
    complaint = engine_complaint()
    if complaint is None:
        install(missing_programs(SSH), progress)
        return
    _check_may_start(complaint)
    install(missing_programs(), progress)
    if engine_complaint() is not None:
        _start(progress)


def engine_complaint() -> str | None:
    """Return why no engine answers, None if one does."""
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except FileNotFoundError:
        return "the docker command is not installed"
    except subprocess.TimeoutExpired:
        return "the engine did not answer within 20 s"
    return None if done.returncode == 0 else done.stderr.strip()


def _check_may_start(complaint: str) -> None:
    """Refuse where starting an engine of our own would be wrong or impossible.

    Raises:
        LabError: with the command that helps.
    """
    if os.environ.get("DOCKER_HOST"):
        raise _no_engine(complaint, "start the engine that DOCKER_HOST names, or unset DOCKER_HOST")
    if "permission denied" in complaint:
        raise _no_engine(
            complaint,
            f"sudo usermod -aG docker {os.environ.get('USER', '$USER')}, and log in again",
        )
    if os.geteuid() != 0 or not is_debian_family():
        raise _no_engine(complaint, remedy(debian=is_debian_family()))


def _no_engine(complaint: str, next_step: str) -> LabError:
    return LabError(
        "No Docker engine answers, and the lab's VMs run in one",
        where=os.environ.get("DOCKER_HOST") or "this machine",
        why=complaint,
        next_step=next_step,
    )


def is_systemd() -> bool:
    """Say whether systemd runs this machine, as sd_booted(3) does."""
    return Path("/run/systemd/system").is_dir()


def _start(progress: Progress) -> None:
    """Start the engine: by systemd where it runs the machine, else detached from this command."""
    if is_systemd():
        progress("Starting the Docker engine (systemctl start docker)")
        subprocess.run(["systemctl", "start", "--no-block", "docker"], check=False, timeout=20)
        return _wait(None)
    progress(f"Starting the Docker engine (dockerd, log in {LOG})")
    for file in PID_FILES:
        remove_stale(file)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as log:
        process = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=os.environ | {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"},
        )
    return _wait(process)


def remove_stale(file: Path, proc: Path = Path("/proc")) -> None:
    """Remove a pid file whose process is gone or is another program by now: dockerd believes it."""
    if not file.exists():
        return
    command = proc / file.read_text().strip() / "comm"
    if not command.exists() or command.read_text().strip() not in ("dockerd", "containerd"):
        file.unlink()


def _wait(process: subprocess.Popen[bytes] | None) -> None:
    """Wait until the engine answers.

    Raises:
        LabError: if it does not, or has ended.
    """
    deadline = time.monotonic() + START_SECONDS
    while complaint := engine_complaint():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            raise LabError(
                "The Docker engine did not start",
                where=str(LOG) if process else "systemctl status docker",
                why=last_lines(LOG, 6) if process else complaint,
                next_step=f"{'dockerd' if process else 'journalctl -u docker'} tells more",
            )
        time.sleep(PAUSE_SECONDS)
