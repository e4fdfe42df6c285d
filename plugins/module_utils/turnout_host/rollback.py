"""Rollback: code, dependencies and configuration of an earlier verified release, in one rename."""

from __future__ import annotations

import time
from typing import Any

from . import health, journal, releases, settle, splits, start, switch
from .errors import HostFailure
from .health import Health
from .layout import SLOTS, Layout
from .units import Slots


def target(layout: Layout, wanted: str | None) -> str:
    """Return the release that a rollback goes to.

    Raises:
        HostFailure: if there is none, or the wanted one is unknown, failed, live or
            was never verified here.
    """
    current = releases.live(layout)
    name = wanted or releases.before(layout, current)
    if name is None:
        raise HostFailure(
            f"there is no verified release before {current or 'the first deploy'}",
            "name one with --release (`invoke status` lists them), or deploy",
        )
    release = releases.get(layout, name)
    if release.failed:
        raise HostFailure(
            f"release {name} failed here and is kept as evidence only",
            "name a release that was verified (`invoke status` lists them)",
        )
    if wanted and name == current:
        raise HostFailure(f"release {name} is live already", "name another release")
    if name not in releases.verified(layout):
        raise HostFailure(
            f"release {name} was never verified on this host",
            "name a release that was (`invoke status` lists them), or deploy this one",
        )
    return name


def rollback(layout: Layout, slots: Slots, name: str, *, drain_seconds: float) -> dict[str, Any]:
    """Give the traffic to release ``name``.

    A warm slot is asked for its health and switched to; a cold one is
    started first. When it fails, traffic stays, or goes back, where it was.

    Returns:
        ``changed``, ``release``, ``previous_release``, ``live`` and ``seconds``
        of each step (``switch`` is the rename alone).

    Raises:
        HostFailure: with traffic where it was before.
    """
    switch.reconcile(layout, slots)
    before = splits.live_slot(layout)
    previous = releases.live(layout)
    if name == previous:
        return {"changed": False, "release": name, "previous_release": previous, "live": before}
    journal.begin(layout, name, "rollback")
    settle.cancel(layout, slots.run)
    try:
        slot = _ready(layout, slots, name, drain_seconds)
        started = time.monotonic()
        switch.switch(layout, slot)
        switched = time.monotonic() - started
        switch.verify(layout, name, _public(layout), settled=False)
    except HostFailure as failure:
        switch.revert(layout, slots, failure.cause)
        raise
    journal.record(layout, "switch", seconds=switched)
    switch.commit(layout, name, "rollback", previous_release=previous, live=slot)
    if before:
        warm_seconds = int(settle.settings(layout).get("warm_seconds", 300))
        settle.schedule(layout, before, warm_seconds, slots.run)
    return {
        "changed": True,
        "release": name,
        "previous_release": previous,
        "live": slot,
        "seconds": {"switch": round(switched, 6)},
    }


def _ready(layout: Layout, slots: Slots, name: str, drain_seconds: float) -> str:
    for slot in SLOTS:
        if releases.in_slot(layout, slot) == name and slots.state(slot).running:
            wanted = Health.from_settings(releases.get(layout, name).manifest["health"])
            answer = health.probe_slot(layout.socket(slot), wanted)
            if health.complaint(answer, wanted) is None:
                return slot
    return start.start(layout, slots, name, drain_seconds)


def _public(layout: Layout) -> dict[str, Any]:
    known = settle.settings(layout)
    return {"port": known.get("port", 80), "tls": known.get("tls", False)}
