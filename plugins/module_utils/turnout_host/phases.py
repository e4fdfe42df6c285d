"""The phases of a deploy as a controller calls them: parameters in, result out.

Each says in check mode what it would change, and shows what it changes as a diff.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from . import drain, journal, lease, releases, rollback, settle, splits, switch, watch
from . import migrate as migration
from . import preflight as before
from . import stage as staging
from . import start as starting
from . import state as looking
from .errors import HostFailure
from .layout import SLOTS, Layout, other_slot
from .lock import exclusive
from .units import Slots

Parameters = dict[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One phase asked for on this host; ``check`` changes nothing.

    Args:
        shipped: a file that came with the call.
    """

    layout: Layout
    slots: Slots
    parameters: Parameters
    check: bool
    shipped: BinaryIO | None = None

    @property
    def claim(self) -> lease.Claim:
        """What the call says of the lease."""
        said = self.parameters["lease"]
        dead = tuple(said.get("dead", ()))
        return lease.Claim(said["token"], said.get("owner", ""), said.get("reason", ""), dead)

    @property
    def lease_seconds(self) -> float:
        """How long the host waits for the next call before it takes the owner for dead."""
        return float(self.parameters["lease"]["seconds"])


Phase = Callable[[Call], Result]


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
    with exclusive(layout), _held(call, phase):
        result = PHASES[phase](call)
        seconds = round(time.monotonic() - started, 3)
        journal.record(layout, phase, seconds=seconds)
    return {"phase": phase, "seconds": seconds, **result}


@contextmanager
def _held(call: Call, phase: str) -> Iterator[None]:
    """Hold the lease while the phase works, and for its whole time after that."""
    if phase in TAKING:
        lease.acquire(call.layout, call.claim, call.lease_seconds)
        with _beside(lambda: watch.start(call.layout, call.slots.run)):
            yield
    else:
        if phase not in GIVING:
            lease.renew(call.layout, call.claim.token, call.lease_seconds)
        yield
    if phase not in GIVING:
        lease.renew(call.layout, call.claim.token, call.lease_seconds)


@contextmanager
def _beside(work: Callable[[], object]) -> Iterator[None]:
    """Have ``work`` done while the block runs; where it failed, that is the cause."""
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    try:
        yield
    except HostFailure:
        thread.join()
        if not failed:
            raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


def preflight(call: Call) -> Result:
    """Tell whether the host can take a release, and what it lacks."""
    free = int(call.parameters["free_megabytes"]) * 2**20
    found = before.preflight(call.layout, call.parameters.get("python", ""), free)
    return {"changed": False, "lease": looking.lease(call.layout), **found}


def state(call: Call) -> Result:
    """Tell what is live."""
    return {"changed": False, "state": looking.state(call.layout, call.slots)}


def take(call: Call) -> Result:
    """Take the lease alone: on the first host of a fleet, before all of them."""
    return {"changed": not call.check}


def stage(call: Call) -> Result:
    """Put the release on the host, unless it is there, and import its app once."""
    request = _request(call)
    there = releases.names(call.layout)
    changed = releases.find(call.layout, request.release) is None
    if not call.check:
        # Whatever the last deploy left to be done to the idle slot, this one decides.
        settle.cancel(call.layout, call.slots.run)
        switch.reconcile(call.layout, call.slots)
        journal.begin(call.layout, request.release, token=call.claim.token)
        changed = staging.stage(call.layout, request)
        if call.parameters["import_check"]:
            staging.check(call.layout, request.release)
        drain.let_go(call.layout, call.slots, splits.idle_slot(call.layout))
    after = sorted({*there, request.release})
    listed = ("".join(f"releases/{name}\n" for name in names) for names in (there, after))
    return {"changed": changed, "release": request.release, "diff": _difference(*listed)}


def _request(call: Call) -> staging.Request:
    parameters = call.parameters
    return staging.Request(
        release=parameters["release"],
        bundle=call.shipped,
        settings=parameters["settings"],
        environment={name: str(value) for name, value in parameters.get("environment", {}).items()},
        config_files=parameters.get("config_files", []),
    )


def _import_on_trial(call: Call) -> None:
    if not call.parameters["import_checked"]:
        staging.check(call.layout, call.parameters["release"])


def migrate(call: Call) -> Result:
    """Run the app's own commands with the new release's code."""
    commands = {key: call.parameters.get(f"{key}_command", "") for key in ("init", "migrate")}
    output = ""
    if not call.check:
        seconds = float(call.parameters["timeout_seconds"])
        name = call.parameters["release"]
        # Meanwhile the slot that the release will run in is made ready, and the app imported on
        # trial where stage has not.
        with (
            _beside(lambda: starting.prepare(call.layout, call.slots, name)),
            _beside(lambda: _import_on_trial(call)),
        ):
            output = migration.migrate(call.layout, name, **commands, timeout_seconds=seconds)
    return {"changed": any(commands.values()), "output": output}


def start(call: Call) -> Result:
    """Run the release in the idle slot until it is healthy."""
    name, slot = call.parameters["release"], splits.idle_slot(call.layout)
    held = releases.in_slot(call.layout, slot)
    if not call.check:
        drain_seconds = float(call.parameters["drain_seconds"])
        slot = starting.start(call.layout, call.slots, name, drain_seconds)
    old, new = f"slots/{slot} -> {held or 'nothing'}\n", f"slots/{slot} -> {name}\n"
    return {"changed": True, "slot": slot, "diff": _difference(old, new)}


def change_over(call: Call) -> Result:
    """Give the traffic to the slot that runs the release, and verify that it answers."""
    layout, name, old = call.layout, call.parameters["release"], splits.live(call.layout)
    slot = splits.idle_slot(layout) if call.check else _holder(layout, name)
    shown = f"live -> splits/{old}\n" if old else ""
    result = {
        "changed": old != slot,
        "slot": slot,
        "diff": _difference(shown, f"live -> splits/{slot}\n"),
    }
    if not call.check:
        started = time.monotonic()
        switch.switch(layout, slot)
        result["switch_seconds"] = round(time.monotonic() - started, 6)
        switch.verify(layout, name, {key: call.parameters[key] for key in ("port", "tls")})
    return result


def _holder(layout: Layout, release: str) -> str:
    for slot in SLOTS:
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
    live = splits.live_slot(layout)
    facts = {key: call.parameters.get(key) or None for key in ("previous_release", "actor")}
    entry = switch.commit(layout, call.parameters["release"], "deploy", live=live, **facts)
    # From here on it has happened, whoever dies: the history says so.
    _end(call)
    if live and facts["previous_release"]:
        warm_seconds = int(call.parameters["warm_seconds"])
        settle.schedule(layout, other_slot(live), warm_seconds, call.slots.run)
    return {"changed": True, "entry": entry}


def revert(call: Call) -> Result:
    """Put the traffic back to where it was before this deploy, and before nobody else's."""
    layout, token = call.layout, call.claim.token
    idle = {"changed": False, "live": splits.live_slot(layout)}
    if call.check or lease.holder(layout, lease.Claim(token)):
        return idle
    facts = {"cause": call.parameters["cause"], "actor": call.parameters.get("actor") or None}
    if lease.is_held_by(layout, token):
        result = switch.revert(layout, call.slots, **facts)
    else:
        result = switch.take_back(layout, call.slots, token, **facts)
    _end(call)
    return result


def _end(call: Call) -> None:
    if lease.give_back(call.layout, call.claim.token):
        watch.stop(call.layout, call.slots.run)


def roll_back(call: Call) -> Result:
    """Give the traffic to an earlier verified release."""
    if not call.check:
        lease.refuse_others(call.layout, lease.Claim(""))
    name = rollback.target(call.layout, call.parameters.get("release") or None)
    old = releases.live(call.layout)
    result: Result = {"changed": old != name, "release": name, "previous_release": old}
    if not call.check:
        drain_seconds = float(call.parameters["drain_seconds"])
        done = rollback.rollback(call.layout, call.slots, name, drain_seconds=drain_seconds)
        result = {key: value for key, value in done.items() if key != "seconds"}
    return {**result, "diff": _difference(f"{old or ''}\n", f"{name}\n")}


def _difference(old: str, new: str) -> dict[str, str]:
    return {"before": old, "after": new}


READING = ("preflight", "state")
# A phase that takes the lease, and those that end without one.
TAKING = ("take", "stage")
GIVING = ("commit", "revert", "rollback")
PHASES: dict[str, Phase] = {
    "preflight": preflight,
    "state": state,
    "take": take,
    "stage": stage,
    "migrate": migrate,
    "start": start,
    "switch": change_over,
    "commit": commit,
    "revert": revert,
    "rollback": roll_back,
}
