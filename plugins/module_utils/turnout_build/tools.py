"""The programs the build starts: where they are, and how they are run."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from .errors import BuildError

# A virtual environment or repository that happens to be active must not leak into a build.
_LEAKING = (
    "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV",
)  # fmt: skip


# The same setting of uv and pip, uv's former names last: whoever has set one means both.
_SAME_INDEX = (
    ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "UV_INDEX_URL"),
    ("UV_INDEX", "PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"),
)
# How long the pipe of a program that has ended may stay open.
_PIPE_SECONDS = 1.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Finished:
    """How a program ended. With ``on_line``, ``errors`` is empty: both streams are ``output``."""

    code: int
    output: str
    errors: str = ""
    timed_out: bool = False

    def problem(self, timeout: float) -> str:
        """Return what went wrong, in words; empty where nothing did.

        Args:
            timeout: the seconds that it had.
        """
        if self.timed_out:
            return f"did not end within {timeout:g} s"
        return f"failed with exit code {self.code}" if self.code else ""


def uv() -> str:
    """Return the uv beside the running Python, or the one on PATH.

    Raises:
        BuildError: if there is none.
    """
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise BuildError(
            "Wheels cannot be resolved",
            "the program uv is missing",
            "run it as ./inv, which installs uv from requirements.txt, or put uv on PATH",
        )
    return found


def pip() -> list[str]:
    """Return the command that runs pip: uv resolves, but cannot download wheels."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    return [uv(), "tool", "run", "--python", sys.executable, "pip"]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a tool: one package index for uv and pip alike."""
    env = {name: value for name, value in os.environ.items() if name not in _LEAKING}
    env |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_NO_PROGRESS": "1",
        # Asking for a Python that is not here costs ten seconds of retries without a network.
        "UV_PYTHON_DOWNLOADS": "never",
    }
    for uv_name, pip_name, former in _SAME_INDEX:
        said = next((env[name] for name in (uv_name, pip_name, former) if name in env), None)
        if said is not None:
            env.setdefault(uv_name, said)
            # uv takes a name before an address, pip does not.
            plain = (re.sub(r"^[\w-]+=", "", index) for index in said.split())
            env.setdefault(pip_name, " ".join(plain))
    return env | dict(extra or {})


def run(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Finished:
    """Run a short program and return what it said."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def run_long(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None],
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program that takes a while, handing on each line as it comes.

    It gets a process group of its own, so that ctrl-C, an exception or the
    timeout (in seconds) ends everything it has started. A daemon that has left
    the group may live on; it is not waited for, even if it has the pipe.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        umask=0o022,  # what is made here is shipped: wheels hold the modes of their files
    )
    lines: list[str] = []
    said: SimpleQueue[str | None] = SimpleQueue()
    late = threading.Event()
    reader = _start(_read, process.stdout, said)
    _start(_watch, process, timeout, late, reader, said)
    try:
        for line in iter(said.get, None):
            lines.append(line)
            on_line(line.rstrip())
        return Finished(process.wait(), "".join(lines), timed_out=late.is_set())
    finally:
        if process.poll() is None:
            _end(process)


def _start(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _read(pipe: IO[str], said: SimpleQueue[str | None]) -> None:
    """Hand on each line, then None; the pipe is closed here, for a close waits for a read."""
    with pipe:
        for line in pipe:
            said.put(line)
    said.put(None)


def _watch(
    process: subprocess.Popen[str],
    timeout: float,
    late: threading.Event,
    reader: threading.Thread,
    said: SimpleQueue[str | None],
) -> None:
    """End the program at its timeout, and the waiting for its lines soon after it has ended.

    What it has started in the background of its own group is a part of it while it has the pipe:
    a build may leave half of its work to that.
    """
    deadline = time.monotonic() + timeout
    try:
        process.wait(timeout)
        while reader.is_alive() and _has_group(process):
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(process.args, timeout)
            reader.join(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        late.set()
        _end(process)
    reader.join(_PIPE_SECONDS)
    said.put(None)


def _has_group(process: subprocess.Popen[str]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
