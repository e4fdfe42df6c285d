"""Where the time of one deploy went: a table of its phases and tasks along a line of time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from turnout.bench.scratch import COPY
from turnout.errors import TurnoutError
from turnout.timings import DEPLOYS

WIDTH = 40
LABEL = 46


@dataclass(frozen=True)
class Row:
    """One bar: a piece of the controller's work, a phase, or a task of it.

    `on_host` is what the slowest host itself worked, None where no host took part.
    """

    name: str
    began: float
    seconds: float
    on_host: float | None = None
    depth: int = 0

    @property
    def ended(self) -> float:
        return self.began + self.seconds


def explain() -> str:
    """Return the table of the last deploy from here, or of the bench's own if that is newer.

    Raises:
        TurnoutError: no deploy has left its times.
    """
    folders = (DEPLOYS, COPY / ".turnout/deploys")
    files = [file for folder in folders for file in folder.glob("*-deploy-*.json")]
    if not files:
        raise TurnoutError(
            "No deploy has left its times yet.",
            next_step="invoke deploy, or invoke bench, then again",
        )
    newest = max(files, key=lambda file: file.stat().st_mtime)
    return f"{table(json.loads(newest.read_text()))}\n\n{newest}"


def table(document: dict[str, Any]) -> str:
    """Return what `turnout.timings` has written as lines of text."""
    total = float(document["seconds"])
    found = list(rows(document))
    head = f"{document['verb']} of {document['env']}, {document['ended']}: {total:.2f} s"
    columns = f"{'':<{LABEL}} {'began':>6} {'took':>6} {'on host':>7}  0 s{total:>{WIDTH - 5}.1f} s"
    return "\n".join(
        [head, columns, *(_line(row, total) for row in found), "", *_sums(found, total)]
    )


def rows(document: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows in the order in which they began, each phase before its tasks."""
    spans = [Row(one["name"], one["began"], one["seconds"]) for one in document["spans"]]
    phases = list(_phases(document["tasks"]))
    for row, tasks in sorted([*((row, []) for row in spans), *phases], key=lambda p: p[0].began):
        yield row
        yield from tasks


def _phases(tasks: list[dict[str, Any]]) -> Iterator[tuple[Row, list[Row]]]:
    for phase in dict.fromkeys(task["phase"] for task in tasks):
        own = [task for task in tasks if task["phase"] == phase]
        names = dict.fromkeys(task["name"] for task in own)
        below = [row for name in names for row in _task([t for t in own if t["name"] == name])]
        yield _around(phase, (row for row in below if row.depth == 1), depth=0), below


def _task(runs: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield a task's row over all hosts, and the parts that a build reports of itself."""
    each = [
        Row(one["name"], one["began"], one["seconds"], _number(one["reported"])) for one in runs
    ]
    hosts = f" ({len(each)} hosts)" if len(each) > 1 else ""
    whole = _around(f"{runs[0]['name']}{hosts}", each, depth=1)
    yield whole
    reported = runs[0]["reported"]
    for part, seconds in (reported if isinstance(reported, dict) else {}).items():
        yield Row(str(part), whole.began, float(seconds), depth=2)


def _around(name: str, parts: Iterable[Row], depth: int) -> Row:
    found = list(parts)
    began, ended = min(row.began for row in found), max(row.ended for row in found)
    worked = [row.on_host for row in found if row.on_host is not None]
    # Hosts work side by side, the tasks of a phase one after another.
    on_host = (max if depth else sum)(worked) if worked else None
    return Row(name, began, ended - began, on_host, depth)


def _number(reported: Any) -> float | None:
    return float(reported) if isinstance(reported, (int, float)) else None


def _line(row: Row, total: float) -> str:
    label = f"{'  ' * row.depth}{row.name}"[:LABEL]
    host = "" if row.on_host is None else f"{row.on_host:.2f}"
    scale = WIDTH / total if total else 0.0
    start = min(round(row.began * scale), WIDTH - 1)
    length = max(1, min(round(row.seconds * scale), WIDTH - start))
    mark = "█" if row.depth == 0 else "▒"
    bar = " " * start + mark * length
    return f"{label:<{LABEL}} {row.began:6.2f} {row.seconds:6.2f} {host:>7}  {bar}".rstrip()


def _sums(found: list[Row], total: float) -> list[str]:
    """Return where the seconds were spent, in three lines."""
    tasks = [row for row in found if row.depth == 1 and row.on_host is not None]
    worked, asked = sum(row.on_host or 0.0 for row in tasks), sum(row.seconds for row in tasks)
    return [
        f"{worked:6.2f} s worked by the slowest host",
        f"{asked - worked:6.2f} s in Ansible and SSH around that",
        f"{max(0.0, total - asked):6.2f} s on the controller",
    ]
