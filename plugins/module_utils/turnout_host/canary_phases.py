"""The phases in which a release proves itself under traffic, or is left with a part of it."""

from __future__ import annotations

from dataclasses import asdict

from . import bake as baking
from . import journal, lease, releases, splits, switch
from . import state as looking
from .calls import Call, Result, told
from .errors import HostFailure
from .judge import Limits
from .layout import LANES
from .lock import exclusive


def bake(call: Call) -> Result:
    """Watch the release while it takes traffic; over its limits, the host goes back at once.

    The other hosts of a fleet go back with the revert, which comes when all of them have answered.
    """
    if call.check:
        return {"changed": False}
    parameters = call.parameters
    slot = _candidate(call)
    watched = baking.Watched(call.layout, call.slots, slot, float(parameters["seconds"]))
    limits = Limits(
        requests=int(parameters["requests"]),
        failed=float(parameters["errors"]),
        latency=float(parameters["latency"]),
    )
    try:
        verdict = baking.bake(watched, limits, call.go_on)
    except baking.Objection as objection:
        _withdraw(call, objection)
        raise
    figures = {"candidate": asdict(watched.candidate), "baseline": asdict(watched.baseline)}
    return {"changed": False, "verdict": verdict, **figures}


def _candidate(call: Call) -> str:
    """Return the slot of the release: of a canary the one beside the live one."""
    layout, name = call.layout, call.parameters["release"]
    idle = splits.idle_slot(layout)
    taking = splits.lanes(layout, splits.live(layout))
    slot = idle if taking[idle] else splits.live_slot(layout)
    if slot is None or releases.in_slot(layout, slot) != name:
        raise HostFailure(
            f"{name} takes no traffic any more: another deploy overtook this one",
            "see `invoke status`, and deploy again if that is not what you want",
        )
    return slot


def _withdraw(call: Call, objection: baking.Objection) -> None:
    call.go_on()
    with exclusive(call.layout):
        name, cause = call.parameters["release"], objection.cause
        # What a rollback went to was verified once, and may be gone to again.
        if journal.action(call.layout) == journal.DEPLOY:
            releases.mark_failed(call.layout, name, cause, objection.evidence)
        switch.revert(call.layout, call.slots, cause)


def park(call: Call) -> Result:
    """Leave the release with its share of the traffic, for anybody to go on with."""
    share = int(call.parameters["share"])
    if not 0 < share * LANES // 100 < LANES:
        raise HostFailure(f"a canary is not left at {share} %", "leave it at 5 to 95 %")
    if call.check:
        return {"changed": True, "share": share}
    lease.park(call.layout, call.claim.token, share)
    there = told(lambda: {"state": looking.state(call.layout, call.slots)})
    return {"changed": True, "share": share, **there}
