"""Who holds a lease: a process of some machine, which its own machine can tell to be dead."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path

_FORM = re.compile(r".* \(process (?P<process>\d+), (?P<place>[0-9a-f]+)(-(?P<began>\d+))?\)")
BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")


def name(actor: str, process: int) -> str:
    """Return the name of an owner that lives as long as a process of this machine."""
    began = beginning(process)
    return f"{actor}@{platform.node()} (process {process}, {place()}{f'-{began}' if began else ''})"


def place() -> str:
    """Return what tells where a process number means a process: this boot, this container.

    Two runners of a CI may have one host name, and number their processes alike.
    """
    try:
        known = f"{BOOT.read_text()}{NAMESPACE.readlink()}"
    except OSError:
        known = os.urandom(8).hex()  # nothing is known here, so nothing is ever called dead
    return hashlib.sha256(known.encode()).hexdigest()[:6]


def beginning(process: int) -> str:
    """Return when a process began, in ticks since boot (proc(5), starttime); '' where none tells.

    A number alone is given to another process sooner or later.
    """
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_dead(owner: str) -> bool:
    """Say whether an owner is a process of this very machine that is no more.

    Of other machines nothing is known, so theirs are never called dead.
    """
    told = _FORM.fullmatch(owner)
    if told is None or told["place"] != place():
        return False
    try:
        os.kill(int(told["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return bool(told["began"]) and told["began"] != beginning(int(told["process"]))
