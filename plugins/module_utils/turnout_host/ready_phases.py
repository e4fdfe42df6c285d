"""The phases up to a healthy idle slot: nothing of the traffic moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from . import audit as auditing
from . import (
    current_env,
    drain,
    journal,
    probe,
    releases,
    rollback,
    schema,
    settle,
    splits,
    switch,
)
from . import migrate as migration
from . import preflight as before
from . import stage as staging
from . import start as starting
from . import state as looking
from .calls import Call, Result, beside, difference
from .errors import HostFailure


def preflight(call: Call) -> Result:
    """Tell whether the host can take a release, and what it lacks."""
    free = int(call.parameters["free_megabytes"]) * 2**20
    found = before.preflight(call.layout, call.parameters.get("python", ""), free)
    return {"changed": False, "lease": looking.lease(call.layout), **found}


def target(call: Call) -> Result:
    """Tell which release a rollback of this host goes to, and whether the schema allows it."""
    wanted = call.parameters.get("release") or None
    found = rollback.destination(
        call.layout, wanted, with_current_env=bool(call.parameters.get("current_env"))
    )
    if not call.parameters.get("force"):
        rollback.check_schema(call.layout, found["rollback_base"])
    there = {"lease": looking.lease(call.layout), "release": switch.committed(call.layout)}
    return {"changed": False, **found, **there}


def state(call: Call) -> Result:
    """Tell what is live."""
    return {"changed": False, "state": looking.state(call.layout, call.slots)}


def audit(call: Call) -> Result:
    """Tell what is not as it was shipped."""
    return {"changed": False, **auditing.audit(call.layout)}


def take(call: Call) -> Result:
    """Take the lease alone: on the first host of a fleet before all of them, or of a canary."""
    if call.claim.continues and not call.check:
        if journal.running(call.layout) is None:
            raise HostFailure(
                "the canary has ended on this host meanwhile: forgotten, aborted or unlocked",
                "see `invoke status`, and deploy again",
            )
        journal.record(call.layout, "taken", token=call.claim.token)
    return {"changed": not call.check}


def renew(_call: Call) -> Result:
    """Go on waiting for other hosts; the lease is renewed as with every call."""
    return {"changed": False}


def stage(call: Call) -> Result:
    """Put the release on the host, unless it is there, and import its app once."""
    request = _request(call)
    there = releases.names(call.layout)
    changed = releases.find(call.layout, request.release) is None
    if not call.check:
        _tidy_up(call)
        before = releases.live(call.layout)
        journal.begin(call.layout, request.release, token=call.claim.token, previous_release=before)
        changed = staging.stage(call.layout, request)
        if call.parameters["import_check"]:
            staging.check(call.layout, request.release)
        drain.let_go(call.layout, call.slots, splits.idle_slot(call.layout))
    after = sorted({*there, request.release})
    listed = ("".join(f"releases/{name}\n" for name in names) for names in (there, after))
    return {"changed": changed, "release": request.release, "diff": difference(*listed)}


def _tidy_up(call: Call) -> None:
    """Put right what the last deploy left: what becomes of the idle slot, this one decides."""
    settle.cancel(call.layout, call.slots.run)
    if switch.reconcile(call.layout, call.slots):
        # What was gone back from may have been left to the host's timer.
        settle.cancel(call.layout, call.slots.run)


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
    """Import the app beside its own commands, where its entry is another one than the live app's.

    Otherwise the commands import it all the same, and the entry has stood the test of traffic.
    """
    if not _import_is_checked(call) and _has_another_entry(call):
        staging.check(call.layout, call.parameters["release"])


def _has_another_entry(call: Call) -> bool:
    names = (releases.live(call.layout), call.parameters["release"])
    live, new = (
        releases.get(call.layout, name).manifest["entry"] if name else "" for name in names
    )
    return bool(live != new)


@contextmanager
def _explained(call: Call) -> Iterator[None]:
    """Where the app does not even import, that is the cause, and not what followed from it."""
    try:
        yield
    except HostFailure:
        if not _import_is_checked(call):
            staging.check(call.layout, call.parameters["release"])
        raise


def _import_is_checked(call: Call) -> bool:
    return bool(call.parameters.get("import_checked", True))


def recall(call: Call) -> Result:
    """Begin a rollback: the release is here, with today's environment where that is wanted."""
    layout, name = call.layout, call.parameters["release"]
    base = call.parameters.get("base") or name
    old = releases.live(layout)
    if not call.check:
        _tidy_up(call)
        old = releases.live(layout)
        _check_plan(call, base, old)
        facts = {"previous_release": old, **({"base": base} if base != name else {})}
        journal.begin(layout, name, journal.ROLLBACK, token=call.claim.token, **facts)
        if base != name:
            current_env.make(layout, name, base)
        release = releases.get(layout, name)
        if starting.runs_already(layout, call.slots, splits.idle_slot(layout), release):
            journal.record(layout, "warm")
    shown = difference(f"{old or ''}\n", f"{name}\n")
    return {"changed": old != name, "release": name, "previous_release": old, "diff": shown}


def _check_plan(call: Call, base: str, live: str | None) -> None:
    """Refuse a rollback whose plan somebody has overtaken: it would skip their release.

    Raises:
        HostFailure: another release is live than it was, or the schema is another one by now.
    """
    planned = call.parameters.get("live")
    if planned and planned != live:
        raise HostFailure(
            f"another deploy or rollback came first: {live} is live now, and was not before",
            "see `invoke status`, and roll back again if that is still what you want",
        )
    if not call.parameters.get("force"):
        rollback.check_schema(call.layout, base)


def migrate(call: Call) -> Result:
    """Run the app's own commands with the new release's code."""
    commands = {key: call.parameters.get(f"{key}_command", "") for key in ("init", "migrate")}
    output = ""
    if not call.check:
        seconds = float(call.parameters["timeout_seconds"])
        name = call.parameters["release"]
        # Meanwhile the slot that the release will run in is made ready.
        with (
            beside(lambda: starting.prepare(call.layout, call.slots, name)),
            beside(lambda: _import_on_trial(call)),
            _explained(call),
        ):
            output = migration.migrate(call.layout, name, **commands, timeout_seconds=seconds)
            # Noted before anything else can fail: a rollback must know of it.
            schema.note(call.layout, name, call.slots.run)
    return {"changed": any(commands.values()), "output": output}


def start(call: Call) -> Result:
    """Run the release in the idle slot until it is healthy."""
    name, slot = call.parameters["release"], splits.idle_slot(call.layout)
    held = releases.in_slot(call.layout, slot)
    if not call.check:
        drain_seconds = float(call.parameters["drain_seconds"])
        is_rollback = journal.action(call.layout) == journal.ROLLBACK
        rate = float(call.parameters["probe_rate"])
        # A release that a rollback goes to was imported once, and is not marked as failed.
        told = nullcontext() if is_rollback else _explained(call)
        with beside(lambda: probe.start(call.layout, rate, call.slots.run)), told:
            slot = starting.start(
                call.layout, call.slots, name, drain_seconds, is_verified=is_rollback
            )
    old, new = f"slots/{slot} -> {held or 'nothing'}\n", f"slots/{slot} -> {name}\n"
    return {"changed": True, "slot": slot, "diff": difference(old, new)}
