"""Keep how long each part of a deploy took, for whoever makes it faster.

One JSON file a run, in `.turnout/deploys/`; `invoke bench --explain` shows the last one. All times
count from the start of this process, so that starting Python is part of the picture.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from turnout.paths import WORK
from turnout.progress import Progress, Step

DEPLOYS = WORK / "deploys"
MOST_KEPT = 100

_spans: list[dict[str, Any]] = []


@contextmanager
def span(name: str) -> Iterator[None]:
    """Note what the ``with`` block takes under ``name``; it may overlap others, in any thread."""
    began = time.monotonic()
    try:
        yield
    finally:
        _spans.append(_entry(name, began, time.monotonic()))


def store(env: str, verb: str, progress: Progress, folder: Path = DEPLOYS) -> Path:
    """Write where the time of this process went, and forget the oldest files.

    Args:
        env: the environment's name.
        verb: what ran, such as `deploy`.
        progress: the run's, which holds its tasks.
        folder: where the files are kept.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    file = folder / f"{stamp}-{env}-{verb}-{os.getpid()}.json"
    file.write_text(json.dumps(document(env, verb, progress), indent=1))
    for old in sorted(folder.glob("*.json"))[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return file


def document(env: str, verb: str, progress: Progress) -> dict[str, Any]:
    """Return what `store` writes: the spans of this process and every task, by when they began."""
    now = time.monotonic()
    return {
        "env": env,
        "verb": verb,
        "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "ok": not progress.failures,
        "seconds": _since_start(now),
        "phases": {phase: round(value, 3) for phase, value in progress.seconds.items()},
        "spans": sorted([*_spans, *_around(progress)], key=lambda one: float(one["began"])),
        "tasks": [_task(step) for step in progress.steps],
    }


def _around(progress: Progress) -> list[dict[str, Any]]:
    """Return what lies around the tasks: how Ansible starts before them and ends after them."""
    run = progress.run_began, progress.run_ended
    found = [_entry("invoke starts", _process_started(), run[0] or time.monotonic())]
    if progress.steps and all(run):
        first = min(step.began for step in progress.steps)
        last = max(step.began + step.seconds for step in progress.steps)
        found += [_entry("Ansible starts", run[0], first), _entry("Ansible ends", last, run[1])]
    return found


def _task(step: Step) -> dict[str, Any]:
    known = {"host": step.host, "phase": step.phase, "reported": step.reported}
    return _entry(step.task, step.began, step.began + step.seconds) | known


def _entry(name: str, began: float, ended: float) -> dict[str, Any]:
    return {"name": name, "began": _since_start(began), "seconds": round(ended - began, 3)}


def _since_start(moment: float) -> float:
    return round(moment - _process_started(), 3)


def _process_started() -> float:
    """Return when this process began, on the monotonic clock; when we were imported, elsewhere."""
    try:
        # The 22nd field, in ticks since the boot; the second may hold spaces, but ends with `)`.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return _IMPORTED
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age


_IMPORTED = time.monotonic()
