"""The receipts of a host: one JSON document and one picture for each deploy, the latest of them."""

from __future__ import annotations

import json
from pathlib import Path

from . import journal, receipt, recording
from .atomic import write_file
from .errors import HostFailure
from .layout import Layout
from .recording import Entry, Recording

KEPT = 20


def of(layout: Layout, begun: Entry) -> receipt.Receipt:
    """Return the receipt, as far as it got, of the deploy with this ``begin`` in its journal."""
    file = recording.path(layout, begun)
    if not file.exists() and file.with_suffix(".json").exists():
        return _finished(file)
    try:
        recorded = recording.read(file)
    except (OSError, ValueError):
        # A full disk, say: no deploy fails for its receipt.
        recorded = Recording(recording.head(layout, begun, rate=None))
    return _so_far(layout, recorded)


def latest(layout: Layout) -> receipt.Receipt:
    """Return the latest receipt of the host, finished or not.

    Raises:
        HostFailure: there is none.
    """
    found = _deploys(layout)
    if not found:
        raise HostFailure(
            f"{layout.app} has no receipt on this host: no deploy was measured yet",
            "deploy or roll back; there is one from the switch on",
        )
    file = layout.receipts / f"{found[-1]}.jsonl"
    return _so_far(layout, recording.read(file)) if file.exists() else _finished(file)


def _finished(file: Path) -> receipt.Receipt:
    return dict(json.loads(file.with_suffix(".json").read_text()))


def _so_far(layout: Layout, recorded: Recording) -> receipt.Receipt:
    began = recorded.head["began"]
    if not recorded.marks:  # nobody asks, so nobody has noted them
        entries = journal.read_lines(layout.journal)
        ours = entries if entries and entries[0]["time"] == began else []
        recorded = Recording(recorded.head, recorded.samples, recording.marks_of(ours))
    return receipt.make(recorded, journal.ended(layout, began))


def finish(layout: Layout, file: Path) -> receipt.Receipt:
    """Write the final receipt and its picture in place of a recording, and forget the oldest."""
    from . import picture

    made = {**_so_far(layout, recording.read(file)), "finished": True}
    write_file(file.with_suffix(".svg"), picture.draw(made, layout.app).encode())
    write_file(file.with_suffix(".json"), f"{json.dumps(made)}\n".encode())
    file.unlink()
    for name in _deploys(layout)[:-KEPT]:
        for old in layout.receipts.glob(f"{name}.*"):
            old.unlink(missing_ok=True)
    return made


def finish_those_left(layout: Layout, before: Path) -> None:
    """Finish the recordings that a reboot or a kill has left, from before this one."""
    for file in sorted(layout.receipts.glob("*.jsonl")):
        if file.name < before.name:
            try:
                finish(layout, file)
            except (OSError, ValueError):
                file.unlink(missing_ok=True)  # not even a head: nothing to be told


def _deploys(layout: Layout) -> list[str]:
    """Return the names of the recordings and receipts, oldest first."""
    return sorted({file.stem for file in layout.receipts.glob("*.json*")})
