"""The phases up to a healthy idle slot: nothing of the traffic moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from . import journal, probe, releases, schema, splits
from . import migrate as migration
from . import start as starting
from .calls import Call, Result, beside, difference
from .errors import HostFailure


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


def _import_on_trial(call: Call) -> None:
    """Import the app beside its own commands, where its entry is another one than the live app's.

    Otherwise the commands import it all the same, and the entry has stood the test of traffic.
    """
    if not _import_is_checked(call) and _has_another_entry(call):
        _check(call)


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
            _check(call)
        raise


def _check(call: Call) -> None:
    from . import stage  # who starts what another call has staged does without the rest of it

    stage.check(call.layout, call.parameters["release"])


def _import_is_checked(call: Call) -> bool:
    return bool(call.parameters.get("import_checked", True))
