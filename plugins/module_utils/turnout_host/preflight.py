"""Preflight: everything that can be known to be wrong before anything is touched."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from . import releases, settle, splits, switch
from .errors import HostFailure
from .layout import Layout
from .migrate import is_initialised
from .target import target

# What a virtual environment of a large app holds.
FILES = 5000
_CONDITION = re.compile(r"\s*(>=|<=|==|!=|>|<|~=)\s*(\d+(?:\.\d+)*)(\.\*)?\s*")


def preflight(layout: Layout, python: str, free_bytes: int) -> dict[str, Any]:
    """Check the host and tell what it has, so that only what it lacks is shipped.

    Args:
        python: what the app needs, as a version specifier; empty for any.
        free_bytes: what must be free on the disk of ``/srv`` for one more release.

    Raises:
        HostFailure: for a host on which the deploy could not succeed.
    """
    _check_provisioned(layout)
    _check_python(python)
    room = _check_disk(layout, free_bytes)
    live = splits.live_slot(layout)
    return {
        "target": target(),
        "room": room,
        "initialised": is_initialised(layout),
        "live": live,
        "release": switch.committed(layout),
        "releases": releases.names(layout),
        "wheels": sorted(path.parent.name for path in layout.wheels.glob("*/*.whl")),
        "venvs": sorted(path.parent.name for path in layout.venvs.glob("[!.]*/.complete")),
    }


def _check_provisioned(layout: Layout) -> None:
    if not (layout.base_unit.exists() and layout.settings.exists() and layout.releases.is_dir()):
        raise HostFailure(
            f"the host is not provisioned for {layout.app}",
            "run `invoke provision --env <env>` (or playbooks/provision.yml) first",
        )


def _check_python(specifier: str) -> None:
    running = sys.version_info[:3]
    for condition in filter(None, (part.strip() for part in specifier.split(","))):
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise HostFailure(
                f"app_python holds {condition!r}, which is no version condition",
                "write it like >=3.11,<3.14",
            )
        if not _holds(running, match[1], tuple(map(int, match[2].split("."))), bool(match[3])):
            raise HostFailure(
                f"the app needs Python {specifier} and the host has {sys.version.split()[0]}",
                "use a host with that Python (Debian 12 has 3.11, Debian 13 has 3.13), "
                "or change app_python",
            )


def _holds(running: tuple[int, ...], sign: str, wanted: tuple[int, ...], prefix: bool) -> bool:
    if prefix or sign == "~=":
        length = len(wanted) if prefix else len(wanted) - 1
        same = running[:length] == wanted[:length]
        return {"==": same, "!=": not same, "~=": same and running >= wanted}.get(sign, False)
    padded = running + (0,) * max(0, len(wanted) - len(running))
    full = wanted + (0,) * max(0, len(padded) - len(wanted))
    return {
        ">=": padded >= full,
        "<=": padded <= full,
        ">": padded > full,
        "<": padded < full,
        "==": padded == full,
        "!=": padded != full,
    }[sign]


def _check_disk(layout: Layout, free_bytes: int) -> list[dict[str, Any]]:
    """Return where releases and wheels go, each with its device and what is free there."""
    room = []
    for folder in (layout.base, layout.wheels):
        there = folder if folder.is_dir() else layout.base
        usage = os.statvfs(there)
        free = usage.f_bavail * usage.f_frsize
        if free < free_bytes or (usage.f_files and usage.f_favail < FILES):
            raise _full(layout, there, free, usage.f_favail, free_bytes)
        facts = {"device": there.stat().st_dev, "free_bytes": free}
        room.append({"path": str(there), **facts})
    return room


def _full(layout: Layout, folder: Path, free: int, files: int, wanted: int) -> HostFailure:
    known = settle.settings(layout)
    needed = f"{FILES} files" if free >= wanted else f"{wanted >> 20} MiB"
    return HostFailure(
        f"the disk of {folder} is full: {free >> 20} MiB and {files} files free, {needed} needed",
        "make room on the host (`du -xh --max-depth=2 /srv /var | sort -h` shows what takes it), "
        f"or let it keep less (app_keep_releases is {known.get('keep_releases', 5)}, "
        f"app_keep_megabytes {known.get('keep_megabytes', 0) or 'has no limit'})",
    )
