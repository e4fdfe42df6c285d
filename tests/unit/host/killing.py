"""Run an operation in a child process that dies at a chosen instant, as by ``kill -9``.

An instant is the moment before one change of the file system or one program; where text
is written through a buffer, also the moment when half of it has been. Syncs are none:
they change nothing that whoever comes next could see.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from tests.unit.host.fake_systemd import PROGRAM_EVENT

KILLED = 9
CHANGES = {
    "os.rename", "os.symlink", "os.link", "os.remove", "os.mkdir", "os.rmdir",
    "os.truncate", "os.chmod", "os.chown", "os.utime", PROGRAM_EVENT,
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Countdown:
    def __init__(self, instant: int) -> None:
        self._left = instant

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        opens_to_write = event == "open" and int(arguments[2] or 0) & WRITING
        ours = opens_to_write and not str(arguments[0]).endswith("systemd.json")
        if event in CHANGES or ours:
            self.pass_one()

    def pass_one(self, at_death: Callable[[], Any] | None = None) -> None:
        self._left -= 1
        if self._left == 0:
            if at_death:
                at_death()
            os._exit(KILLED)

    def tearing(self, fdopen: Callable[..., Any]) -> Callable[..., Any]:
        def opened(handle: int, mode: str) -> Any:
            file = fdopen(handle, mode)
            write = file.write

            def torn(content: bytes) -> Any:
                self.pass_one(lambda: os.write(handle, content[: len(content) // 2]))
                return write(content)

            file.write = torn
            return file

        return opened


def killed_at(instant: int, operation: Callable[[], Any]) -> bool:
    """Run ``operation`` and kill it at its instant ``instant`` (from 1); say whether it was.

    False means that the operation had fewer instants and ran to its end.
    """
    child = os.fork()
    if child == 0:
        _run_and_die(instant, operation)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED), f"the operation failed at instant {instant} (see its traceback)"
    return code == KILLED


def _run_and_die(instant: int, operation: Callable[[], Any]) -> None:
    code = 1
    try:
        countdown = _Countdown(instant)
        os.fdopen = countdown.tearing(os.fdopen)
        sys.addaudithook(countdown.hook)
        operation()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def instants(step: int = 1, limit: int = 2000) -> Iterator[int]:
    """Count 1, 2, 3...; an operation that never ends is a failure of its own."""
    yield from range(1, limit, step)
    raise AssertionError(f"the operation did not end within {limit} instants")
