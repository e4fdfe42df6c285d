"""The phases that begin a deploy or a rollback: the lease is taken, the release is on the host."""

from __future__ import annotations

from . import current_env, drain, journal, releases, rollback, settle, splits, switch
from . import stage as staging
from . import start as starting
from .calls import Call, Result, difference
from .errors import HostFailure


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
