"""The phases of a deploy as a controller calls them: parameters in, result out.

Each says in check mode what it would change, and shows what it changes as a diff.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import BinaryIO

from . import journal, lease, watch
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
            # What is final is not undone for a line in the journal.
            with suppress(*NOT_FOR_A_LINE.get(phase, ())):
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
NOT_FOR_A_LINE: dict[str, tuple[type[Exception], ...]] = dict.fromkeys(GIVING, (OSError,))
# Seconds for the lock: who goes back can do nothing better than wait until the host's own timer has
# drained a slot.
WAITING = {"revert": 600.0}


def _of(load: Callable[[], ModuleType], name: str) -> Phase:
    """Return a phase that is loaded when it is asked for: each call is a new process."""

    def phase(call: Call) -> Result:
        return dict(getattr(load(), name)(call))

    return phase


# Imports and no names in strings: Ansible sends to a host what it finds imported.
def _looking() -> ModuleType:
    from . import looking_phases

    return looking_phases


def _begin() -> ModuleType:
    from . import begin_phases

    return begin_phases


def _start() -> ModuleType:
    from . import start_phases

    return start_phases


def _traffic() -> ModuleType:
    from . import traffic_phases

    return traffic_phases


def _canary() -> ModuleType:
    from . import canary_phases

    return canary_phases


PHASES: dict[str, Phase] = {
    "preflight": _of(_looking, "preflight"),
    "target": _of(_looking, "target"),
    "state": _of(_looking, "state"),
    "audit": _of(_looking, "audit"),
    "take": _of(_begin, "take"),
    "stage": _of(_begin, "stage"),
    "recall": _of(_begin, "recall"),
    "migrate": _of(_start, "migrate"),
    "start": _of(_start, "start"),
    "switch": _of(_traffic, "change_over"),
    "renew": _of(_begin, "renew"),
    "bake": _of(_canary, "bake"),
    "park": _of(_canary, "park"),
    "commit": _of(_traffic, "commit"),
    "revert": _of(_traffic, "revert"),
}
