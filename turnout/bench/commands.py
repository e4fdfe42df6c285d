"""Run one command and measure it: seconds of the clock, processor seconds, memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import TurnoutError

BIN = Path(sys.executable).parent
# Nothing that is measured takes nearly as long; some of the tools hang now and then.
LONGEST_SECONDS = 300.0
# A run must not hear what the shell that started the bench says to its own commands.
_SLOWS_PYTHON = ("COVERAGE_", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE", "PYTHONPROFILE")
_NOT_PASSED_ON = ("TURNOUT_", "ANSIBLE_", "INVOKE_", *_SLOWS_PYTHON)


@dataclass(frozen=True)
class Cost:
    """What a command took, with all processes that it started and waited for.

    Attributes:
        seconds: by the clock.
        processor_seconds: user and system time.
        megabytes: the most memory that one of its processes held.
        output: what it printed.
    """

    seconds: float
    processor_seconds: float
    megabytes: float
    output: str


def run(
    argv: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    limit: float = LONGEST_SECONDS,
) -> Cost:
    """Run ``argv`` in ``folder`` and return what it cost.

    Args:
        argv: the program and its arguments; it is looked for beside our Python first.
        folder: where it runs.
        variables: what it finds in its environment besides the usual.
        limit: seconds after which it and all it started is ended, and has failed.

    Raises:
        TurnoutError: it failed; the end of its output is quoted.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _ended_after(limit, process.pid):
            # Not subprocess.run(): wait4 says what this child used, and not all children so far.
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise failed(argv, said)
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)


@contextmanager
def _ended_after(seconds: float, group: int) -> Iterator[None]:
    """End a group of processes after ``seconds``, or when we are interrupted ourselves."""
    timer = threading.Timer(seconds, _end, [group])
    timer.start()
    try:
        yield
    except BaseException:
        _end(group)
        raise
    finally:
        timer.cancel()


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a measured command: the programs of our Python come first."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_PASSED_ON)}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "NO_COLOR": "1", "LC_ALL": "C.UTF-8", **(variables or {})}


def failed(argv: Sequence[str], said: str) -> TurnoutError:
    """Return the error for a command that failed while it was measured."""
    return TurnoutError(
        f"`{' '.join(argv)[-120:]}` failed while it was measured",
        "\n".join(said.splitlines()[-30:]),
        "mend that first, then measure again",
    )
