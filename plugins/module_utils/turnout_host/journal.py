"""What happened: how far the running deploy got, and one line for each that ended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .atomic import append_line, write_file
from .layout import Layout

Entry = dict[str, Any]
DEPLOY, ROLLBACK = "deploy", "rollback"
# A phase is noted when it has ended.
ENDED = {
    "stage": "after its stage",
    "recall": "after its recall",
    "migrate": "after its migration",
    "start": "after its start, before any traffic",
    "switch": "after its switch",
    "bake": "after its bake",
    "commit": "after its commit",
}


def read_lines(path: Path) -> list[Entry]:
    """Return the entries of a JSON Lines file; a line torn by a kill is passed over."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    entries = []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def begin(
    layout: Layout, release: str, action: str = DEPLOY, token: str = "", **facts: Any
) -> None:
    """Start the journal of a new deploy or rollback.

    Args:
        token: of the lease under which it runs.
        facts: what else the history is to tell of it.
    """
    write_file(layout.journal, b"")
    record(layout, "begin", release=release, action=action, token=token, facts=facts)


def action(layout: Layout) -> str:
    """Return what the journal is of: a deploy or a rollback."""
    begun = last(layout, "begin")
    return str(begun.get("action", DEPLOY)) if begun else DEPLOY


def record(layout: Layout, phase: str, **facts: Any) -> None:
    """Note that the running deploy reached ``phase``."""
    append_line(layout.journal, json.dumps({"time": time.time(), "phase": phase, **facts}))


def running(layout: Layout) -> Entry | None:
    """Return the ``begin`` of a deploy or rollback that has not ended, or None.

    It has ended when the history says so: one line decides, so no kill can
    leave the two of different opinions.
    """
    begun = last(layout, "begin")
    return None if begun is None or ended(layout, begun["time"]) else begun


def ended(layout: Layout, began: float) -> Entry | None:
    """Return the history's latest line about what began then, or None while that goes on."""
    lines = reversed(read_lines(layout.history))
    return next((entry for entry in lines if entry.get("began") == began), None)


def reached(layout: Layout) -> str:
    """Return how far the deploy or rollback of the journal has got, in words."""
    noted = [entry["phase"] for entry in read_lines(layout.journal)]
    ended = [phase for phase in noted if phase in ENDED]
    if "moved" in noted and "switch" not in noted:
        return "in its switch, with traffic on its release"
    return ENDED[ended[-1]] if ended else "before the end of its first phase"


def last(layout: Layout, phase: str) -> Entry | None:
    """Return the running deploy's latest entry of ``phase``."""
    return next((e for e in reversed(read_lines(layout.journal)) if e["phase"] == phase), None)


def token(layout: Layout) -> str:
    """Return the token under which the running deploy goes on: of its begin, or taken since."""
    entries = [entry for entry in read_lines(layout.journal) if "token" in entry]
    return str(entries[-1]["token"]) if entries else ""


def phase_seconds(layout: Layout) -> dict[str, float]:
    """Return the seconds each phase took on this host, from the journal."""
    return {
        entry["phase"]: round(entry["seconds"], 3)
        for entry in read_lines(layout.journal)
        if "seconds" in entry
    }


def conclude(layout: Layout, action: str, outcome: str, **facts: Any) -> Entry:
    """Write the history's line about a deploy or rollback that has ended, and return it."""
    begun = last(layout, "begin")
    entry: Entry = {
        "began": begun["time"] if begun else None,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "action": action,
        "outcome": outcome,
        **(begun.get("facts", {}) if begun else {}),
        **facts,
        "seconds": phase_seconds(layout),
    }
    append_line(layout.history, json.dumps(entry))
    return entry
