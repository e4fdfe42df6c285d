"""The deploys of this instance, as the host wrote them down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 10
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Deploy:
    """One line of the history: a deploy or a rollback that has ended, well or not."""

    time: str
    action: str
    outcome: str
    release: str
    slot: str | None
    seconds: float


def deploys(home: str) -> list[Deploy]:
    """Return the latest deploys, newest first; none where no host keeps a history.

    Args:
        home: the app's folder on the host (TURNOUT_HOME).
    """
    if not home:
        return []
    lines = _last_lines(Path(home) / "history.jsonl")
    entries = [entry for entry in map(_entry, reversed(lines)) if entry]
    return entries[:SHOWN]


def _last_lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read().splitlines()
    except OSError:
        return []


def _entry(line: bytes) -> Deploy | None:
    """Read one line; what is no complete line is left out, never shown."""
    try:
        entry: dict[str, Any] = json.loads(line)
        return Deploy(
            time=str(entry["time"]),
            action=str(entry["action"]),
            outcome=str(entry["outcome"]),
            release=str(entry["release"]),
            slot=entry.get("live"),
            seconds=round(sum(entry.get("seconds", {}).values()), 1),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
