"""One shell inside a VM for all looks at it: a `docker exec` for each takes longer than most do."""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import threading
import time
from functools import cache

# A command's output ends with its exit code between two of these, which no text has.
END = b"\0"
RUN = """( {command}
) </dev/null 2>/run/said.$$
code=$?; printf '\\0'; [ $code = 0 ] || cat /run/said.$$; printf '\\0%d\\0' $code
"""
SECONDS = 120.0


@cache
def shell(name: str) -> Shell:
    """Return the shell in this VM: there is one for all that look at it."""
    return Shell(name)


class Shell:
    """A shell as root in a VM, past the network. It is begun anew where the VM was."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def run(self, command: str) -> tuple[int, str, str]:
        """Run a command and return its exit code, what it printed and what it complained of.

        Raises:
            AssertionError: the VM or the command gave no answer.
        """
        with self._lock:
            process = self._alive()
            assert process.stdin is not None
            try:
                process.stdin.write(RUN.format(command=command).encode())
                process.stdin.flush()
                said, complaint, code = self._parts(process)
            except BaseException:
                self.close()  # what is still to come is no answer to the next command
                raise
            return int(code), said, complaint

    def close(self) -> None:
        """End the shell."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                ["docker", "exec", "--interactive", self._name, "sh"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def _parts(self, process: subprocess.Popen[bytes]) -> list[str]:
        assert process.stdout is not None
        read, deadline = b"", time.monotonic() + SECONDS
        while read.count(END) < 3:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([process.stdout], [], [], left)[0]
            more = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            assert more, f"{self._name} gave no answer: {read[-2000:].decode(errors='replace')}"
            read += more
        return read.decode(errors="replace").split("\0")[:3]
