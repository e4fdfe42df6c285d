"""A boot of the host: what was live comes up by itself."""

from __future__ import annotations

from . import lease, splits, watch
from .errors import HostFailure
from .layout import SLOTS, Layout
from .lock import Busy, exclusive
from .units import Slots


def boot(layout: Layout, slots: Slots) -> list[str]:
    """Start what ``live`` names, sockets first, so that nothing is refused; return the slots.

    A deploy that the reboot has cut short is put right before that: what was live before it comes
    up, and its lease, which no boot outlives, ends. One that goes on is left alone, for
    ``systemctl restart <app>`` comes here as well. The visitors wait, so nothing of that keeps what
    is live from its start.

    Raises:
        HostFailure: it could not be put right; what is live runs all the same.
    """
    try:
        with exclusive(layout):
            try:
                _put_right(layout, slots)
            except (HostFailure, OSError):
                _start(layout, slots)
                # It tries again: what is live may be what the dead deploy had not committed.
                watch.start(layout, slots.run, watch.INTERVAL_SECONDS)
                raise
            return _start(layout, slots)
    except Busy:
        return _start(layout, slots)  # whatever takes somebody else so long


def _put_right(layout: Layout, slots: Slots) -> None:
    held = lease.read(layout)
    if held and not held.is_over:
        # Timers do not outlive a restart of the host's services alone, where the lease does.
        watch.start(layout, slots.run, watch.INTERVAL_SECONDS)
    else:
        watch.recover(layout, slots)


def _start(layout: Layout, slots: Slots) -> list[str]:
    counted = splits.lanes(layout, splits.live(layout))
    taking = [slot for slot in SLOTS if counted[slot]]
    for slot in taking:
        slots.start(slot)
    return taking
