"""Who holds a lease: a process of some machine, which its own machine can tell to be dead."""

from __future__ import annotations

import os
import platform
import re

_FORM = re.compile(r".*@(?P<machine>[^@ ]+) \(process (?P<process>\d+)\)")


def name(actor: str, process: int) -> str:
    """Return the name of an owner that lives as long as a process of this machine."""
    return f"{actor}@{platform.node()} (process {process})"


def is_dead(owner: str) -> bool:
    """Say whether an owner is a process of this very machine that is no more.

    Of other machines nothing is known, so theirs are never called dead.
    """
    told = _FORM.fullmatch(owner)
    if told is None or told["machine"] != platform.node():
        return False
    try:
        os.kill(int(told["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
