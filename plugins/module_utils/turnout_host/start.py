"""Start: the idle slot runs the release and is healthy, while nothing of the traffic moves."""

from __future__ import annotations

import time

from . import drain, health, hiding, releases, splits
from .atomic import replace_link
from .errors import HostFailure
from .health import Health
from .layout import Layout
from .releases import Release
from .units import Slots, UnitState

# A service that systemd had to start this often since the slot's start is in a crash loop.
CRASH_LOOP = 3
LOOK_SECONDS = 0.1
SOAK_INTERVAL_SECONDS = 0.25
# A main process that was replaced stays so: systemd need not be asked as often as the app.
STATE_INTERVAL_SECONDS = 1.0
ANSWER_CHARACTERS = 2000


def start(
    layout: Layout, slots: Slots, name: str, drain_seconds: float, *, is_verified: bool = False
) -> str:
    """Make the idle slot run ``name`` and be healthy for its soak time.

    Args:
        drain_seconds: how long the slot's former release may take to end its requests.
        is_verified: it has taken traffic before; where it is still warm, one healthy answer will
            do, and where it is live there is nothing to do.

    Returns:
        The slot.

    Raises:
        HostFailure: with the log as evidence; the slot is stopped again and the
            release marked as failed, unless it is verified: what keeps it from starting today, such
            as a database that is away, may be over tomorrow. The live slot never notices.
    """
    release = releases.get(layout, name)
    live, slot = splits.live_slot(layout), splits.idle_slot(layout)
    if is_verified and live and releases.in_slot(layout, live) == name:
        return live
    runs = runs_already(layout, slots, slot, release)
    if not runs:
        drain.stop(layout, slots, slot, drain_seconds)
        _point(layout, slots, slot, name)
        slots.start(slot)
    try:
        _soak(layout, slots, slot, release, lasts=not (runs and is_verified))
    except HostFailure as failure:
        slots.stop(slot)
        if not is_verified:
            releases.mark_failed(layout, name, failure.cause)
        raise
    return slot


def prepare(layout: Layout, slots: Slots, name: str) -> bool:
    """Point the idle slot at ``name`` ahead of its start, if nothing runs there any more.

    Returns:
        Whether it was pointed; a slot that still runs is left to ``start``.
    """
    slot = splits.idle_slot(layout)
    if not slots.waits_until_stopped(slot):
        return False
    _point(layout, slots, slot, name)
    return True


def _point(layout: Layout, slots: Slots, slot: str, name: str) -> None:
    replace_link(layout.slot(slot), f"../releases/{name}")
    slots.point(slot, name)
    splits.create_full(layout, slot)


def runs_already(layout: Layout, slots: Slots, slot: str, release: Release) -> bool:
    """Say whether a slot is warm with this very release."""
    return releases.in_slot(layout, slot) == release.name and slots.state(slot).running


def _soak(layout: Layout, slots: Slots, slot: str, release: Release, *, lasts: bool) -> None:
    wanted = Health.from_settings(release.manifest["health"])
    pid = wait_until_healthy(layout, slots, slot, wanted)
    looked = time.monotonic()
    deadline = looked + (wanted.soak_seconds if lasts else 0)
    while (now := time.monotonic()) < deadline:
        time.sleep(min(SOAK_INTERVAL_SECONDS, deadline - now))
        # The main process outlives workers that crash; only an answer tells.
        answer = health.probe_slot(layout.socket(slot), wanted)
        problem = health.complaint(answer, wanted)
        now = time.monotonic()
        if problem or now >= deadline or now - looked >= STATE_INTERVAL_SECONDS:
            state, looked = slots.state(slot), now
            if state.main_pid != pid:
                raise _failure(slots, slot, f"{slot} did not stay up ({_describe(state)})")
        if problem:
            cause = f"{slot} did not stay healthy: {problem}"
            raise _failure(slots, slot, cause, health.told(answer, wanted))


def wait_until_healthy(layout: Layout, slots: Slots, slot: str, wanted: Health) -> int:
    """Wait for a healthy answer over the slot's own socket.

    ``Type=notify`` says ready before gunicorn's workers have imported the app,
    and a unit in a crash loop is never 'failed': only an answer counts.

    Returns:
        The service's main process id, the same before and after the answer.
    """
    deadline = time.monotonic() + wanted.start_timeout_seconds
    while True:
        before = slots.state(slot)
        answer = health.probe_slot(layout.socket(slot), wanted)
        problem = health.complaint(answer, wanted)
        after = slots.state(slot)
        if problem is None and after.running and before.main_pid in (0, after.main_pid):
            return after.main_pid
        if after.restarts >= CRASH_LOOP:
            cause = f"the release crashes at start: {slot} was started {after.restarts + 1} times"
            raise _failure(slots, slot, cause, health.told(answer, wanted))
        if time.monotonic() > deadline:
            seconds = f"{wanted.start_timeout_seconds:g} s"
            cause = f"{slot} did not become healthy within {seconds}: {problem or 'it restarts'}"
            raise _failure(slots, slot, cause, health.told(answer, wanted))
        time.sleep(LOOK_SECONDS)


def _describe(state: UnitState) -> str:
    return f"{state.active}/{state.sub}, result {state.result}, {state.restarts} restarts"


def _failure(slots: Slots, slot: str, cause: str, answer: str = "") -> HostFailure:
    hide = hiding.hider(slots.layout, releases.in_slot(slots.layout, slot))
    # Soon the slot is stopped, and has neither an answer nor a state to show.
    seen = {"answer": hide(answer), "unit": hide(slots.describe(slot))}
    parts = [f"Last answer:\n{seen['answer'][:ANSWER_CHARACTERS]}"] if answer else []
    parts += [f"State: {_describe(slots.state(slot))}", f"Log:\n{hide(slots.log(slot))}"]
    return HostFailure(
        cause,
        "read the app's log, mend the app or its settings, and deploy again; "
        "the live release was not touched",
        "\n\n".join(parts),
        seen,
    )
