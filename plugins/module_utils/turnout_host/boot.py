"""A boot of the host: what was live comes up by itself."""

from __future__ import annotations

from . import lease, splits, watch
from .layout import SLOTS, Layout
from .lock import Busy, exclusive
from .units import Slots


def boot(layout: Layout, slots: Slots) -> list[str]:
    """Start what ``live`` names, sockets first, so that nothing is refused; return the slots.

    A deploy that the reboot has cut short is put right before that: what was live before it comes
    up, and its lease, which no boot outlives, ends. One that goes on is left alone, for
    ``systemctl restart <app>`` comes here as well.
    """
    try:
        with exclusive(layout):
            _put_right(layout, slots)
            return _start(layout, slots)
    except Busy:
        # nginx and the visitors wait for what is live, whatever takes somebody else so long.
        return _start(layout, slots)


def _put_right(layout: Layout, slots: Slots) -> None:
    held = lease.read(layout)
    if held and not held.is_over:
        # Timers do not outlive a restart of the host's services alone, where the lease does.
        watch.start(layout, slots.run)
    else:
        watch.recover(layout, slots)


def _start(layout: Layout, slots: Slots) -> list[str]:
    counted = splits.lanes(layout, splits.live(layout))
    taking = [slot for slot in SLOTS if counted[slot]]
    for slot in taking:
        slots.start(slot)
    return taking
