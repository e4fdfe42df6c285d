"""Stop a slot only when it answers nobody any more."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from . import splits
from .layout import Layout
from .units import Slots

# nginx keeps a connection to a slot for half a second; only then is what is in flight all there
# will be.
LAST_OLD_ANSWER_SECONDS = 0.7
QUIET_SECONDS = 0.3
LOOK_SECONDS = 0.05


def in_flight(layout: Layout, slot: str) -> int:
    """Return how many requests the slot's workers are answering now."""
    total = 0
    for path in layout.runtime(slot).glob("inflight.*"):
        # A worker that was killed leaves its file behind.
        if not Path("/proc", path.suffix[1:]).exists():
            continue
        try:
            total += struct.unpack("<q", path.read_bytes()[:8])[0]
        except (OSError, struct.error):
            continue
    return total


def wait_for_last_old_answer(layout: Layout) -> None:
    """Wait until nginx can hold no kept connection from before the last switch."""
    if layout.live.is_symlink():
        switched = layout.live.lstat().st_mtime
        # The clock may have been set since: never wait longer than the whole time.
        passed = max(0.0, time.time() - switched)
        time.sleep(max(0.0, LAST_OLD_ANSWER_SECONDS - passed))


def stop(
    layout: Layout, slots: Slots, slot: str, timeout_seconds: float, *, leaves_busy: bool = False
) -> int:
    """Drain an idle slot and stop its service and socket.

    Args:
        timeout_seconds: how long to wait for requests in flight; what lasts
            longer still has gunicorn's graceful timeout.
        leaves_busy: whether a slot that has some by then goes on.

    Returns:
        How many requests were in flight when the waiting was over.

    Raises:
        ValueError: if the slot takes traffic.
    """
    if splits.lanes(layout, splits.live(layout))[slot]:
        raise ValueError(f"{slot} takes traffic and is not stopped")
    if slots.has_nothing_to_stop(slot):
        return 0
    left = 0
    if slots.state(slot).running:
        wait_for_last_old_answer(layout)
        left = _wait_until_quiet(layout, slot, time.monotonic() + timeout_seconds)
    if not (left and leaves_busy):
        slots.stop(slot)
    return left


def let_go(layout: Layout, slots: Slots, slot: str) -> bool:
    """Begin to stop an idle slot that answers nobody, so that a start need not wait for it.

    Returns:
        Whether it was begun; a slot with requests in flight is left to ``stop``.
    """
    if not slots.state(slot).running or in_flight(layout, slot) or not _is_long_idle(layout):
        return False
    slots.stop_soon(slot)
    return True


def _is_long_idle(layout: Layout) -> bool:
    """Say whether nginx can hold no kept connection to the slot that is idle."""
    if not layout.live.is_symlink():
        return True
    return time.time() - layout.live.lstat().st_mtime > LAST_OLD_ANSWER_SECONDS


def _wait_until_quiet(layout: Layout, slot: str, deadline: float) -> int:
    quiet_since = time.monotonic()
    while True:
        now, count = time.monotonic(), in_flight(layout, slot)
        if count:
            quiet_since = now
        if now - quiet_since >= QUIET_SECONDS or now > deadline:
            return count
        time.sleep(LOOK_SECONDS)
