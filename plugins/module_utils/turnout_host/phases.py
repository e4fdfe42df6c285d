"""The phases of a deploy as a controller calls them: parameters in, result out.

Each says in check mode what it would change, and shows what it changes as a diff.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from . import canary_phases, journal, lease, ready_phases, traffic_phases, watch
from .calls import Call, Parameters, Phase, Result, beside
from .layout import Layout
from .lock import LOCK_SECONDS, exclusive
from .units import Slots


def run(
    phase: str,
    layout: Layout,
    parameters: Parameters,
    *,
    check: bool,
    shipped: BinaryIO | None = None,
) -> Result:
    """Run one phase under the app's lock and lease, and note in the journal how long it took.

    Raises:
        HostFailure: what came back, and what to do about it.
    """
    call = Call(layout, Slots(layout), parameters, check, shipped)
    started = time.monotonic()
    if phase in READING or check:
        result = PHASES[phase](call)
        return {"phase": phase, "seconds": round(time.monotonic() - started, 3), **result}
    if phase in TAKING:
        lease.wait(layout, call.claim, float(parameters["lease"].get("wait_seconds", 0)))
    # A watch lasts for minutes and changes nothing, so it takes the lock with each look alone:
    # whoever ends the deploy meanwhile need not wait for it.
    watched = PHASES[phase](call) if phase in WATCHING else None
    with exclusive(layout, WAITING.get(phase, LOCK_SECONDS)), _held(call, phase):
        result = PHASES[phase](call) if watched is None else watched
        seconds = round(time.monotonic() - started, 3)
        # Who was refused, or comes too late, leaves no line in somebody else's journal.
        if phase != "revert" or journal.token(layout) == call.claim.token:
            journal.record(layout, phase, seconds=seconds)
    return {"phase": phase, "seconds": seconds, **result}


@contextmanager
def _held(call: Call, phase: str) -> Iterator[None]:
    """Hold the lease while the phase works, and for its whole time after that."""
    if phase in TAKING:
        lease.acquire(call.layout, call.claim, call.lease_seconds)
        with beside(lambda: watch.start(call.layout, call.slots.run)):
            yield
    else:
        if phase not in GIVING:
            lease.renew(call.layout, call.claim.token, call.lease_seconds)
        yield
    if phase not in GIVING:
        lease.renew(call.layout, call.claim.token, call.lease_seconds)


READING = ("preflight", "target", "state", "audit")
# A phase that takes the lease, and those that end without one.
TAKING = ("take", "stage", "recall")
GIVING = ("commit", "revert")
WATCHING = ("bake",)
# Seconds for the lock: who goes back can do nothing better than wait until the host's own timer has
# drained a slot.
WAITING = {"revert": 600.0}
PHASES: dict[str, Phase] = {
    "preflight": ready_phases.preflight,
    "target": ready_phases.target,
    "state": ready_phases.state,
    "audit": ready_phases.audit,
    "take": ready_phases.take,
    "stage": ready_phases.stage,
    "recall": ready_phases.recall,
    "migrate": ready_phases.migrate,
    "start": ready_phases.start,
    "switch": traffic_phases.change_over,
    "renew": ready_phases.renew,
    "bake": canary_phases.bake,
    "park": canary_phases.park,
    "commit": traffic_phases.commit,
    "revert": traffic_phases.revert,
}
