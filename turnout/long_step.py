"""Runs a command that takes a while: a log for the machine, a line now and then for the person."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from turnout.lab_errors import LabError

Progress = Callable[[str], None]
REPORT_SECONDS = 10.0


def run_long(
    command: list[str],
    *,
    what: str,
    log: Path,
    progress: Progress,
    seconds: float,
    quiet_seconds: float | None = None,
    next_step: str,
) -> None:
    """Run ``command``, reporting its last line every ten seconds.

    Args:
        what: The step in words, for the progress lines and the error.
        log: File that gets everything the command prints.
        seconds: How long it may take.
        quiet_seconds: How long it may stay without any output at the start.
        next_step: What a reader of the error can do.

    Raises:
        LabError: if it fails or takes too long; its reason is the end of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            problem = _follow(process, what, log, progress, seconds, quiet_seconds)
        finally:
            _end(process)
    if problem:
        raise LabError(
            f"{what} failed",
            where=f"log: {log}",
            why=f"{problem}\n{last_lines(log, 8)}",
            next_step=next_step,
        )


def last_lines(log: Path, count: int) -> str:
    """Return the last lines of a log that say something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return "\n".join([line for line in lines if line][-count:])


def _follow(
    process: subprocess.Popen[bytes],
    what: str,
    log: Path,
    progress: Progress,
    seconds: float,
    quiet_seconds: float | None,
) -> str:
    """Wait for the process; return what is wrong with it, in words."""
    start = time.monotonic()
    reported = start
    while process.poll() is None:
        time.sleep(0.1)
        now = time.monotonic()
        if now - start > seconds:
            return f"not done after {seconds:.0f} s"
        if quiet_seconds and now - start > quiet_seconds and not log.stat().st_size:
            return f"no answer within {quiet_seconds:.0f} s"
        if now - reported >= REPORT_SECONDS:
            reported = now
            progress(f"  {what}, {now - start:.0f} s: {last_lines(log, 1)[:90]}")
    return f"exit code {process.returncode}" if process.returncode else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of the command behind, also after an interrupt."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
