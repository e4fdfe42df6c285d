"""The links of an app: which release each slot holds, and where the traffic goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from . import differing, journal, seal
from .differing import Difference
from .layout import LANES, SLOTS, Layout, other_slot

_SHARED_SPLIT = re.compile(r"(blue|green)(\d\d)-(blue|green)(\d\d)")


def differences(layout: Layout, key: bytes) -> Iterator[Difference]:
    """Yield the links that lead elsewhere than the last deploy or rollback has left them.

    That is told by the history, and for a slot without traffic by what was noted of it.
    """
    units = _units(layout, key)
    committed = _committed(layout)
    for slot in SLOTS:
        expected = str(committed["release"]) if committed and committed["live"] == slot else None
        yield from _slot(layout, slot, expected, units, key)
    yield from _live(layout, str(committed["live"]) if committed else None)
    for folder in (layout.slots, layout.splits):
        yield from _unknown(layout, folder.name)
    for split in layout.splits.glob("[!.]*"):
        yield from _split(layout, split.name)


def _committed(layout: Layout) -> journal.Entry | None:
    """Return the last deploy or rollback that took the traffic and was not withdrawn."""
    entries = journal.read_lines(layout.history)
    withdrawn = {entry.get("began") for entry in entries if entry.get("outcome") == "withdrawn"}
    lasting = [
        entry
        for entry in entries
        if entry.get("outcome") == "live" and entry.get("began") not in withdrawn
    ]
    return lasting[-1] if lasting and lasting[-1].get("live") in SLOTS else None


def _units(layout: Layout, key: bytes) -> dict[str, seal.Facts]:
    """Return what each release's unit.conf was when it was sealed: its slot's drop-in is a copy."""
    found = {}
    for folder in layout.releases.glob("[!.]*"):
        try:
            entries = seal.read(folder / seal.FILE, key).entries
        except (FileNotFoundError, NotADirectoryError, seal.BrokenSeal):
            continue
        found[folder.name] = entries["unit.conf"]
    return found


def _slot(
    layout: Layout, slot: str, expected: str | None, units: dict[str, seal.Facts], key: bytes
) -> Iterator[Difference]:
    link, drop_in = layout.slot(slot), layout.drop_in(slot)
    facts = seal.look(drop_in.parent, drop_in.name, lambda _name: seal.keyed(str(drop_in), key))
    if not link.is_symlink():
        if link.exists() or expected or facts:
            yield Difference.of(link, "link" if link.exists() else "missing", "link")
        return
    wanted = expected or _held(layout, slot) or link.readlink().name
    if str(link.readlink()) != f"../releases/{wanted}":
        yield Difference.of(link, "link", "link")
    if not layout.release(wanted).is_dir():
        yield Difference.missing(layout.release(wanted), "file")
    yield from _drop_in(drop_in, units.get(wanted), facts)


def _held(layout: Layout, slot: str) -> str | None:
    try:
        return layout.held(slot).read_text().strip()
    except FileNotFoundError:  # its last deploy was before these files
        return None


def _drop_in(
    path: Path, wanted: seal.Facts | None, facts: seal.Facts | None
) -> Iterator[Difference]:
    if facts is None:
        yield Difference.missing(path, "unit")
    elif wanted:
        for what in differing.whats(wanted, facts):
            yield Difference.of(path, what, "unit")


def _live(layout: Layout, expected: str | None) -> Iterator[Difference]:
    if expected is None:
        return
    leads = str(layout.live.readlink()) if layout.live.is_symlink() else None
    if leads != f"splits/{expected}":
        there = leads is not None or layout.live.exists()
        yield Difference.of(layout.live, "link" if there else "missing", "link")


def _unknown(layout: Layout, name: str) -> Iterator[Difference]:
    folder = layout.base / name
    for path in folder.glob("[!.]*"):
        known = path.name in SLOTS or (name == "splits" and _lanes(path.name))
        if not known:
            yield Difference.added(path, "link")


def _lanes(split: str) -> dict[str, int] | None:
    """Return the lanes of a split from its name, or None if it is no split's name."""
    if split in SLOTS:
        return {split: LANES}
    shared = _SHARED_SPLIT.fullmatch(split)
    if shared is None:
        return None
    lanes = {shared[1]: int(shared[2]), shared[3]: int(shared[4])}
    return lanes if len(lanes) == len(SLOTS) and sum(lanes.values()) == LANES else None


def _split(layout: Layout, name: str) -> Iterator[Difference]:
    lanes, folder = _lanes(name), layout.splits / name
    if lanes is None:
        return
    expected = _targets(layout, lanes)
    for path in sorted({*expected, *(path.name for path in folder.glob("*"))}):
        link = folder / path
        if path not in expected:
            yield Difference.added(link, "link")
        elif not link.is_symlink():
            yield Difference.of(link, "link" if link.exists() else "missing", "link")
        elif str(link.readlink()) != expected[path]:
            yield Difference.of(link, "link", "link")


def _targets(layout: Layout, lanes: dict[str, int]) -> dict[str, str]:
    """Return where the links of a split lead: its lanes in the order of the slots' names.

    A split's name begins with the slot that is live under it.
    """
    owners = [slot for slot, count in sorted(lanes.items()) for _ in range(count)]
    targets = {f"{lane:02}.sock": str(layout.socket(slot)) for lane, slot in enumerate(owners)}
    live = next(iter(lanes))
    return {**targets, "static": _static(live), "static-other": _static(other_slot(live))}


def _static(slot: str) -> str:
    return f"../../slots/{slot}/static"
