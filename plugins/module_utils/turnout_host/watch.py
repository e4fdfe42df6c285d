"""The host's own watch over a deploy: it goes back by itself when its owner is not heard of."""

from __future__ import annotations

from typing import Any

from . import journal, lease, releases, settle, splits, switch, units
from .atomic import remove_leftovers
from .layout import Layout
from .units import Slots

# A deploy that is dead is found out this long after its lease, at most.
INTERVAL_SECONDS = 10
# Most deploys have ended by then, and it is soon enough for each new lease of ten seconds or more.
FIRST_SECONDS = 20


def start(layout: Layout, run: units.Run = units.run, first_seconds: int = FIRST_SECONDS) -> None:
    """Look at the lease every few seconds from now on; a watch that runs goes on.

    Args:
        first_seconds: until the first look; of a lease that has begun long ago as little as later.
    """
    units_of_it = (_timer(layout), _service(layout))
    if any(layout.transient(unit).exists() for unit in units_of_it):
        if run(["systemctl", "is-active", _timer(layout)], check=False).returncode == 0:
            return
        # One that failed would keep its name.
        run(["systemctl", "reset-failed", *units_of_it], check=False)
    run([
        "systemd-run", "--quiet", "--collect", f"--unit={_name(layout)}",
        f"--on-active={first_seconds}", f"--on-unit-inactive={INTERVAL_SECONDS}",
        "--timer-property=AccuracySec=1s",
        *units.HOST_PROGRAM, "watch", "--app", layout.app,
    ])  # fmt: skip


def stop(layout: Layout, run: units.Run = units.run) -> None:
    """Look no more: the deploy has ended."""
    run(["systemctl", "stop", "--no-block", _timer(layout)], check=False)


def look(layout: Layout, slots: Slots) -> dict[str, Any]:
    """Go back where a deploy's owner is dead; the caller holds the app's lock.

    Returns:
        ``held`` while a lease goes on, and whether the host had to go back (``reverted``).
    """
    held = lease.read(layout)
    if held and not held.is_over:
        return {"held": True, "reverted": False}
    done = recover(layout, slots) if held else {"reverted": False}
    stop(layout, slots.run)
    return {"held": False, "reverted": done["reverted"]}


def recover(layout: Layout, slots: Slots) -> dict[str, Any]:
    """Put right what a dead deploy or rollback left, whoever held the lease, and end that.

    Returns:
        ``reverted``, the ``owner`` that is gone, how far it had got (``reached``), and the ``live``
        slot and ``release``.
    """
    held, reached = lease.read(layout), journal.reached(layout)
    owner = held.owner if held else None
    reverted = switch.reconcile(layout, slots, held)
    remove_leftovers(layout.releases)
    remove_leftovers(layout.venvs)
    # Also after a commit that died before it had said when.
    settle.schedule_idle(layout, slots)
    lease.end(layout)
    stop(layout, slots.run)
    live = {"live": splits.live_slot(layout), "release": releases.live(layout)}
    return {"changed": reverted, "reverted": reverted, "owner": owner, "reached": reached, **live}


def _name(layout: Layout) -> str:
    return f"turnout-watch-{layout.app}"


def _timer(layout: Layout) -> str:
    return f"{_name(layout)}.timer"


def _service(layout: Layout) -> str:
    return f"{_name(layout)}.service"
