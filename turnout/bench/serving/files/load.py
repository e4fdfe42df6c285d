"""Runs on the VM: run wrk, and say what nginx and gunicorn used of the processor meanwhile.

Seconds by the clock tell of the machine's other work as well; seconds of the processor do not.
"""

import os
import subprocess
import sys
from pathlib import Path


def used(proc: Path) -> dict[str, int]:
    """Return the ticks of each server so far, its workers included that have ended since."""
    parents, ticks = {}, {}
    for folder in proc.glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if command.startswith(b"nginx") or b"gunicorn" in command:
            parents[folder.name] = fields[1]
            # user, system, and both of children that were waited for
            ticks[folder.name] = sum(map(int, fields[11:15]))
    servers: dict[str, int] = {}
    for process, parent in parents.items():
        server = parent if parent in parents else process
        servers[server] = servers.get(server, 0) + ticks[process]
    return servers


def between(before: dict[str, int], after: dict[str, int]) -> int:
    """Return the ticks since ``before``; a server that has ended takes what it used with it."""
    return sum(ticks - before.get(server, 0) for server, ticks in after.items())


def main() -> int:
    proc = Path("/proc")
    before = used(proc)
    done = subprocess.run(["wrk", *sys.argv[1:]], check=False)
    seconds = between(before, used(proc)) / os.sysconf("SC_CLK_TCK")
    print(f"Processor seconds: {seconds:.2f}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
