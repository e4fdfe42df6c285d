"""What is on this host, as one JSON document."""

from __future__ import annotations

from typing import Any

from . import journal, releases, splits
from . import lease as leases
from .layout import LANES, SLOTS, Layout
from .units import Slots, UnitState

HISTORY_LINES = 10


def state(layout: Layout, slots: Slots) -> dict[str, Any]:
    """Return live slot, release, both slots, the split and the latest history.

    Asks systemd only: a probe of a stopped slot would start it.
    """
    counted = splits.lanes(layout, splits.live(layout))
    live = splits.live_slot(layout)
    units = slots.states(SLOTS)
    current = releases.live(layout)
    return {
        "app": layout.app,
        "live": live,
        "release": current,
        **_origin(layout, current),
        "previous": releases.before(layout, current),
        "slots": {slot: _slot(layout, slot, counted[slot], units[slot]) for slot in SLOTS},
        "split": {slot: counted[slot] * 100 // LANES for slot in SLOTS},
        "releases": releases.names(layout),
        "verified_releases": releases.verified(layout),
        "lease": lease(layout),
        "history": journal.read_lines(layout.history)[-HISTORY_LINES:],
    }


def lease(layout: Layout) -> dict[str, Any] | None:
    """Return who is changing the app on this host, what for and for how long still, or None.

    Of a canary that was left for anybody to go on with also its share (``parked``, in percent) and
    its release.
    """
    held = leases.read(layout)
    if held is None:
        return None
    told: dict[str, Any] = {"owner": held.owner, "reason": held.reason}
    told["seconds_left"] = round(held.seconds_left)
    begun = journal.running(layout) if held.parked else None
    return told | ({"parked": held.parked, "release": begun["release"]} if begun else {})


def _origin(layout: Layout, current: str | None) -> dict[str, Any]:
    """Return which artifact the live release is made of, and whether it was verified here."""
    release = releases.find(layout, current) if current else None
    artifact = release.manifest.get("artifact") if release else None
    return {"artifact": artifact, "verified": current in releases.verified(layout)}


def _slot(layout: Layout, slot: str, lanes: int, unit: UnitState) -> dict[str, str | None]:
    return {
        "release": releases.in_slot(layout, slot),
        "state": _word(layout, slot, lanes, unit),
    }


def _word(layout: Layout, slot: str, lanes: int, unit: UnitState) -> str:
    if releases.in_slot(layout, slot) is None:
        return "empty"
    if unit.active == "failed":
        return "failed"
    if unit.active == "activating":
        return "starting"
    if lanes:
        word = "live" if slot == splits.live_slot(layout) else "canary"
        return word if unit.running else "stopped"
    return "warm" if unit.running else "stopped"
