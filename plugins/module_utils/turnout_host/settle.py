"""What is left to do when traffic has moved, without the controller: warm, drain, prune."""

from __future__ import annotations

import json
from typing import Any

from . import drain, journal, lease, releases, splits, switch, units
from .atomic import remove_leftovers, remove_tree
from .layout import SLOTS, Layout
from .units import Slots

HOST_PROGRAM = "/usr/local/lib/turnout/host.pyz"


def settings(layout: Layout) -> dict[str, Any]:
    """Return what provision wrote about this app on this host."""
    try:
        return dict(json.loads(layout.settings.read_text()))
    except FileNotFoundError:
        return {}


def schedule(layout: Layout, slot: str, warm_seconds: int, run: units.Run = units.run) -> None:
    """Let the host itself stop the old slot when its warm time is over."""
    cancel(layout, run)
    run([
        "systemd-run", "--quiet", "--collect", f"--unit={_timer(layout)}",
        f"--on-active={max(1, warm_seconds)}", "--timer-property=AccuracySec=1s",
        "/usr/bin/python3", HOST_PROGRAM, "settle", "--app", layout.app, "--slot", slot,
    ])  # fmt: skip


def cancel(layout: Layout, run: units.Run = units.run) -> None:
    """Call off a scheduled settle: a newer deploy needs the slot, or a rollback went to it."""
    run(["systemctl", "stop", f"{_timer(layout)}.timer"], check=False)


def _timer(layout: Layout) -> str:
    return f"turnout-settle-{layout.app}"


def settle(layout: Layout, slots: Slots, slot: str) -> bool:
    """Drain and stop ``slot``, unless it takes traffic (again); then prune."""
    if splits.lanes(layout, splits.live(layout))[slot]:
        return False
    # An idle slot runs either what was live before, or a deploy that is under way.
    if journal.running(layout):
        return False
    drain.stop(
        layout, slots, slot, timeout_seconds=float(settings(layout).get("drain_seconds", 60))
    )
    prune(layout, int(settings(layout).get("keep_releases", 5)))
    return True


def prune(layout: Layout, keep: int) -> list[str]:
    """Remove old releases and the virtual environments that nothing uses; return the releases.

    The newest ``keep`` verified ones stay, and those in a slot. A failed one
    never counts as kept: the last of them stays as evidence.
    """
    good = releases.verified(layout)
    protected = set(good[-max(1, keep) :]) | releases.in_slots(layout)
    everything = [r for name in releases.names(layout) if (r := releases.find(layout, name))]
    failed = [release.name for release in everything if release.failed]
    protected |= set(_newest(layout, failed))
    doomed = [release for release in everything if release.name not in protected]
    for release in doomed:
        remove_tree(layout.release(release.name))
    remove_leftovers(layout.releases)
    remove_leftovers(layout.venvs)
    used = {release.venv for release in everything if release.name in protected}
    for venv in layout.venvs.iterdir():
        if venv.name not in used:
            remove_tree(venv)
    return [release.name for release in doomed]


def _newest(layout: Layout, names: list[str]) -> list[str]:
    history = journal.read_lines(layout.history)
    last = {entry.get("release"): number for number, entry in enumerate(history)}
    return sorted(names, key=lambda name: last.get(name, -1))[-1:]


def boot(layout: Layout, slots: Slots) -> list[str]:
    """Start what ``live`` names after a boot: sockets first, so that nothing is refused.

    A deploy that the reboot has cut short is put right at once: what was live before it comes
    up, and its lease, which no boot outlives, ends.
    """
    switch.reconcile(layout, slots)
    lease.end(layout)
    counted = splits.lanes(layout, splits.live(layout))
    taking = [slot for slot in SLOTS if counted[slot]]
    for slot in taking:
        slots.start(slot)
    return taking
