"""What is left to do when traffic has moved, without the controller: warm, drain, prune."""

from __future__ import annotations

import json
import time
from typing import Any

from . import drain, journal, splits, units
from .layout import Layout
from .units import Slots

# Of a host that was provisioned before it was told.
WARM_SECONDS = 300
PAUSE_SECONDS = 0.1
# Under the lock, after the drain.
LAST_SECONDS = 1.0


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
        *units.HOST_PROGRAM, "settle", "--app", layout.app, "--slot", slot,
    ])  # fmt: skip


def cancel(layout: Layout, run: units.Run = units.run) -> None:
    """Call off a scheduled settle: a newer deploy needs the slot, or a rollback went to it."""
    if _is_known(layout):
        run(["systemctl", "stop", f"{_timer(layout)}.timer"], check=False)


def schedule_idle(
    layout: Layout, slots: Slots, warm_seconds: int | None = None, *, anew: bool = False
) -> bool:
    """Let the idle slot stop after its warm time, if it runs; say whether it does.

    Who goes back calls this as well: what was warm before the deploy stays so, and has to stop.

    Args:
        warm_seconds: None for what the host's settings say.
        anew: whether a time that runs already begins again.
    """
    slot = splits.idle_slot(layout)
    if slots.state(slot).is_stopped:
        return False
    if anew or not _is_scheduled(layout, slots.run):
        known = settings(layout).get("warm_seconds", WARM_SECONDS)
        schedule(layout, slot, known if warm_seconds is None else warm_seconds, slots.run)
    return True


def _is_scheduled(layout: Layout, run: units.Run) -> bool:
    asked = ["systemctl", "is-active", f"{_timer(layout)}.timer"]
    return _is_known(layout) and bool(run(asked, check=False).returncode == 0)


def _is_known(layout: Layout) -> bool:
    return layout.transient(f"{_timer(layout)}.timer").exists()


def _timer(layout: Layout) -> str:
    return f"turnout-settle-{layout.app}"


def wait(layout: Layout, slot: str) -> None:
    """Wait until the slot answers nobody any more, its time is over, or it is needed.

    Without the app's lock: a stream may last for minutes, and whoever deploys or goes back must
    not wait for its end.
    """
    deadline = time.monotonic() + float(settings(layout).get("drain_seconds", 60))
    while time.monotonic() < deadline and _is_over(layout, slot) and drain.in_flight(layout, slot):
        time.sleep(PAUSE_SECONDS)


def settle(layout: Layout, slots: Slots, slot: str) -> bool:
    """Stop ``slot``, for which ``wait`` has waited, unless it takes traffic (again); then prune."""
    if not _is_over(layout, slot):
        return False
    drain.stop(layout, slots, slot, timeout_seconds=LAST_SECONDS)
    prune(layout)
    return True


def _is_over(layout: Layout, slot: str) -> bool:
    # An idle slot runs either what was live before, or a deploy that is under way.
    return not (splits.lanes(layout, splits.live(layout))[slot] or journal.running(layout))


def prune(layout: Layout) -> list[str]:
    """Remove what the app's settings on this host do not keep; return the releases."""
    from . import pruning  # the timer's work, and a revert's

    known = settings(layout)
    limit_bytes = int(known.get("keep_megabytes", 0)) * 2**20
    return pruning.prune(layout, int(known.get("keep_releases", 5)), limit_bytes)
