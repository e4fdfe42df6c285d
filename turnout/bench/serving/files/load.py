"""Runs on the VM: run wrk, and say what nginx and gunicorn used of the processor meanwhile.

Seconds by the clock tell of the machine's other work as well; seconds of the processor do not.
"""

import os
import subprocess
import sys
from pathlib import Path


def used() -> float:
    """Return the seconds of all servers so far, workers included that have ended since."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if command.startswith(b"nginx") or b"gunicorn" in command:
            # user, system, and both of children that were waited for
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


before = used()
done = subprocess.run(["wrk", *sys.argv[1:]], check=False)
print(f"Processor seconds: {used() - before:.2f}")
sys.exit(done.returncode)
