"""The phases in which traffic moves, and their ends."""

from __future__ import annotations

import contextlib
import time

from . import journal, lease, migrate, probe, receipt, releases, settle, splits, switch, watch
from . import state as looking
from .calls import Call, Result, difference, told
from .errors import HostFailure
from .layout import Layout


def change_over(call: Call) -> Result:
    """Give the traffic, or a share of it, to the slot that runs the release; verify the answer."""
    layout, name, old = call.layout, call.parameters["release"], splits.live(call.layout)
    share = int(call.parameters.get("share", 100))
    slot = splits.idle_slot(layout) if call.check else _holder(layout, name, share)
    shown = f"live -> splits/{old}\n" if old else ""
    wanted = f"live -> splits/{slot}\n" if share == 100 else f"live -> {share} % to {slot}\n"
    result = {"changed": old != slot, "slot": slot, "diff": difference(shown, wanted)}
    if not call.check:
        probe.wait_for_first(layout)
        started = time.monotonic()
        switch.switch(layout, slot, share)
        result["switch_seconds"] = round(time.monotonic() - started, 6)
        _verify(call, slot, share)
    return result


def _verify(call: Call, slot: str, share: int) -> None:
    if share == 100:
        public = {key: call.parameters[key] for key in ("port", "tls")}
        # Who goes back is in a hurry: what is answered by either release meanwhile is an answer.
        settled = journal.action(call.layout) == journal.DEPLOY
        switch.verify(call.layout, call.parameters["release"], public, settled=settled)
    else:
        # Through nginx the live release may answer just as well.
        switch.verify_slot(call.layout, slot, call.parameters["release"])


def _holder(layout: Layout, release: str, share: int) -> str:
    # Of a canary it is never the live one.
    live, idle = splits.live_slot(layout), splits.idle_slot(layout)
    # A rollback to what is live moves nothing, also where the idle slot has the same.
    for slot in (live, idle) if live and share == 100 else (idle,):
        if releases.in_slot(layout, slot) == release:
            return slot
    raise HostFailure(
        f"no slot holds {release} any more: another deploy overtook this one",
        "see `invoke status`, and deploy again if that is not what you want",
    )


def commit(call: Call) -> Result:
    """Make the switch final, and leave the old slot to the host's own timer."""
    if call.check:
        return {"changed": True}
    layout, token = call.layout, call.claim.token
    lease.renew(layout, token, call.lease_seconds)
    facts = {"live": splits.live_slot(layout), "actor": call.parameters.get("actor") or None}
    if call.parameters.get("initialised"):
        migrate.note(layout, call.parameters["release"])
    entry = switch.commit(layout, call.parameters["release"], **facts)
    # From here on it has happened, whoever dies: the history says so. The lease ends last, for
    # with it ends the watch, which would do the rest.
    settle.schedule_idle(layout, call.slots, int(call.parameters["warm_seconds"]), anew=True)
    _end(call)
    # So that nobody has to ask each host of a fleet once more.
    there = told(lambda: {"state": looking.state(layout, call.slots)}, lambda: _receipt(layout))
    return {"changed": True, "entry": entry, **there}


def revert(call: Call) -> Result:
    """Put the traffic back to where it was before this deploy, and before nobody else's.

    Returns:
        ``back`` too: whether it is known to be there. Of a host that somebody else has changed
        since, it is not.
    """
    layout, token = call.layout, call.claim.token
    if call.check or lease.holder(layout, lease.Claim(token)):
        return {"changed": False, "live": splits.live_slot(layout), "back": call.check}
    ours = lease.is_held_by(layout, token) or journal.token(layout) == token
    facts = {"cause": call.parameters["cause"], "actor": call.parameters.get("actor") or None}
    if lease.is_held_by(layout, token) and journal.running(layout):
        outcome = "aborted" if call.parameters.get("aborted") else "failed"
        result = switch.revert(layout, call.slots, outcome=outcome, **facts)
    else:
        result = switch.take_back(layout, call.slots, token, **facts)
    result["back"] = ours
    settle.schedule_idle(layout, call.slots)
    _end(call)
    # Or deploys that fail one after another would fill the disk; the host is back all the same.
    with contextlib.suppress(OSError):
        settle.prune(layout)
    return {**result, **told(lambda: _receipt(layout))} if result["changed"] else result


def _receipt(layout: Layout) -> Result:
    """Return what the probe has seen so far, and the same in words."""
    begun = journal.last(layout, "begin")
    if begun is None:
        return {}
    made = probe.conclude(layout, begun)
    return {"receipt": made, "words": receipt.words(made)}


def _end(call: Call) -> None:
    if lease.give_back(call.layout, call.claim.token):
        watch.stop(call.layout, call.slots.run)
