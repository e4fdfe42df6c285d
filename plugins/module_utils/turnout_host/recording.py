"""What the probe of one deploy has written down, line by line, while the deploy goes on.

``/srv/<app>/receipts/<time>-<release>.jsonl`` begins with what is deployed (the head). Then comes
a line for each request (a sample) and for each step of the deploy (a mark), as they happen. It is
there until the receipt takes its place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import journal, releases, splits
from .atomic import append_line
from .layout import Layout

Entry = dict[str, Any]


class Recording(NamedTuple):
    """A recording as far as it got.

    Args:
        head: ``began`` (as in journal and history), ``action``, ``release``,
            ``previous_release``, the ``slot`` that was live before, ``rate``.
        samples: ``sent`` (Unix time), ``ms``, ``status``, ``by`` (slot/release that answered),
            and ``problem``, which is empty for a right answer.
        marks: ``mark`` and ``time`` (Unix), and what the journal says besides.
    """

    head: Entry
    samples: Sequence[Entry] = ()
    marks: Sequence[Entry] = ()

    def mark(self, name: str) -> Entry | None:
        """Return the first mark of this name."""
        return next((mark for mark in self.marks if mark["mark"] == name), None)


def path(layout: Layout, begun: Entry) -> Path:
    """Return where the recording of a deploy is, by the ``begin`` of its journal."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(begun["time"]))
    return layout.receipts / f"{stamp}-{begun['release']}.jsonl"


def head(layout: Layout, begun: Entry, rate: float | None) -> Entry:
    """Return what a recording begins with.

    Args:
        begun: the ``begin`` of the deploy's journal.
        rate: requests a second around the switch; None if that is not known.
    """
    return {
        "began": begun["time"],
        "action": begun.get("action", "deploy"),
        "release": begun["release"],
        "previous_release": releases.live(layout),
        "slot": splits.live_slot(layout),
        "rate": rate,
    }


def create(layout: Layout, begun: Entry, rate: float) -> Path:
    """Begin the recording of a deploy, and return its file."""
    layout.receipts.mkdir(exist_ok=True)
    append_line(path(layout, begun), json.dumps(head(layout, begun, rate)))
    return path(layout, begun)


def read(file: Path) -> Recording:
    """Return what was recorded; a line torn by a kill is passed over.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it has no head.
    """
    lines = journal.read_lines(file) or [json.loads(file.read_text() or "null")]
    if not lines[0] or "began" not in lines[0]:
        raise ValueError(f"{file} does not begin as a recording does")
    samples = [line for line in lines if "sent" in line]
    return Recording(lines[0], samples, [line for line in lines if "mark" in line])


def marks_of(entries: list[Entry]) -> list[Entry]:
    """Return the journal's entries as marks."""
    return [
        {**{key: entry[key] for key in entry if key != "phase"}, "mark": entry["phase"]}
        for entry in entries
        if entry["phase"] != "begin"
    ]
