"""What the hosts told of a deploy that failed, in a folder of its own on the controller."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from turnout_host import errors, failure_bundle

FOLDER = Path(__file__).resolve().parents[3] / ".turnout/failures"
MOST_KEPT = 20
# A terminal obeys some of these; whoever reads a log with `cat` must not.
_CONTROL = re.compile(errors.CONTROL)


def keep(
    files: Mapping[str, str], *, app: str, host: str, began: float, folder: Path = FOLDER
) -> Path:
    """Write what a host told, for the account of whoever runs the deploy alone.

    Args:
        files: text by file name; what is no name of a failure bundle is left out.
        began: Unix time at which the deploy began; its hosts share a folder.
        folder: where the latest are kept, and older ones removed.

    Returns:
        The host's folder.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(began))
    place = folder / f"{stamp}-{app}" / re.sub(r"[^\w.:-]|^\.+", "_", host)
    for made in (folder, place.parent, place):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in failure_bundle.FILES:
        if name in files:
            _write(place / name, _CONTROL.sub("", str(files[name])))
    _forget(folder)
    return place


def _write(file: Path, text: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)


def _forget(folder: Path) -> None:
    for old in sorted(folder.iterdir())[:-MOST_KEPT]:
        # Another host's call may be at it, too.
        shutil.rmtree(old, ignore_errors=True)


def shown(path: Path) -> str:
    """Return a path as a person here would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
