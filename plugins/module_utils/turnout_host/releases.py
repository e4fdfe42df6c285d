"""Releases: what is known about each, and which of them count."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from . import journal, splits
from .atomic import write_file
from .errors import HostFailure
from .layout import SLOTS, Layout

# Written last of all into a release that is still aside: what has it, is whole.
MANIFEST = "release.json"
FAILED = "failed.json"


class Release(NamedTuple):
    """A whole release on this host."""

    name: str
    manifest: dict[str, Any]
    failed: bool

    @property
    def venv(self) -> str:
        return str(self.manifest["venv"])


def find(layout: Layout, name: str) -> Release | None:
    """Return the release, or None when it is not (wholly) here."""
    folder = layout.release(name)
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        return None
    return Release(name, manifest, (folder / FAILED).exists())


def get(layout: Layout, name: str) -> Release:
    """Return the release.

    Raises:
        HostFailure: if it is not here.
    """
    release = find(layout, name)
    if release is None:
        known = ", ".join(sorted(names(layout))) or "none"
        raise HostFailure(
            f"release {name} is not on this host (here: {known})",
            "name a release that `invoke status` lists, or deploy",
        )
    return release


def names(layout: Layout) -> list[str]:
    """Return the names of all whole releases."""
    return sorted(path.parent.name for path in layout.releases.glob(f"[!.]*/{MANIFEST}"))


def in_slot(layout: Layout, slot: str) -> str | None:
    """Return the name of the release that a slot holds."""
    link = layout.slot(slot)
    return link.readlink().name if link.is_symlink() else None


def live(layout: Layout) -> str | None:
    """Return the name of the release that takes the traffic, or None before the first deploy."""
    slot = splits.live_slot(layout)
    return in_slot(layout, slot) if slot else None


def in_slots(layout: Layout) -> set[str]:
    """Return the names of the releases that any slot holds."""
    return {name for slot in SLOTS if (name := in_slot(layout, slot))}


def mark_failed(layout: Layout, name: str, cause: str, evidence: str = "") -> None:
    """Keep the release as evidence; it is never rolled back to."""
    told = {"cause": cause} | ({"evidence": evidence} if evidence else {})
    if layout.release(name).is_dir():
        write_file(layout.release(name) / FAILED, json.dumps(told).encode(), 0o600)


def mark_good(layout: Layout, name: str) -> None:
    """Take back an earlier failure: the release has been verified since."""
    (layout.release(name) / FAILED).unlink(missing_ok=True)


def verified(layout: Layout) -> list[str]:
    """Return the releases that were verified here, oldest first, by their last deploy."""
    order: dict[str, None] = {}
    for entry in _lasting(layout):
        if entry["action"] == journal.DEPLOY:
            order.pop(entry["release"], None)
        # A rollback makes a release only where it gives an earlier one today's environment.
        order[entry["release"]] = None
    return [name for name in order if (found := find(layout, name)) and not found.failed]


def _lasting(layout: Layout) -> list[dict[str, Any]]:
    """Return the deploys and rollbacks that were committed, and not withdrawn afterwards."""
    entries = journal.read_lines(layout.history)
    withdrawn = {entry.get("began") for entry in entries if entry.get("outcome") == "withdrawn"}
    return [
        entry
        for entry in entries
        if entry.get("outcome") == "live" and entry.get("began") not in withdrawn
    ]


def before(layout: Layout, current: str | None) -> str | None:
    """Return the verified release deployed before ``current``: what a rollback goes to.

    From the history and never from directory times, which a killed deploy makes lie.
    What a rollback has left behind is not gone back to.
    """
    good, trail = verified(layout), list[str]()
    for entry in _lasting(layout):
        name = entry["release"]
        if name not in good:
            continue
        base = entry.get("base") or name
        if entry["action"] == journal.ROLLBACK and base in trail:
            del trail[trail.index(base) :]
        trail = [*(other for other in trail if other != name), name]
    if current not in trail:
        return trail[-1] if trail else None
    index = trail.index(current)
    return trail[index - 1] if index else None
