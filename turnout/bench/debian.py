"""Programs of the machine that measures, from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_QUIET = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0")


def is_here(program: str, *packages: str) -> bool:
    """Say whether ``program`` can be used; as root on Debian it is installed where it is missing.

    Args:
        program: its name on PATH.
        packages: what brings it; by default the package of its name.
    """
    if shutil.which(program):
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    wanted = packages or (program,)
    print(f"Installing {' '.join(wanted)}", file=sys.stderr, flush=True)
    install = [*_QUIET, "-y", "install", "--no-install-recommends", *wanted]
    for command in ([*_QUIET, "update"], install):
        quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, env=quietly, capture_output=True, check=False)
    return shutil.which(program) is not None


def hint(program: str, *packages: str) -> str:
    """Return what a person does about a program that is missing."""
    return f"{program} is not on this machine: apt-get install {' '.join(packages or (program,))}"
