"""Switch, verify, commit, revert: the moments in which traffic moves."""

from __future__ import annotations

import time
from typing import Any

from . import drain, health, hiding, journal, releases, schema, settle, splits
from . import start as starting
from .errors import HostFailure
from .health import Health
from .layout import Layout
from .lease import Lease
from .units import Slots

VERIFY_SECONDS = 5.0
LOOK_SECONDS = 0.05
# For the last answers of a release that is gone back from; visitors have longer.
GONE_BACK_SECONDS = 10.0
# So many answers in a row by the release: nginx has several workers, each with its own connections.
ANSWERS_IN_A_ROW = 3
ANSWER_CHARACTERS = 2000


def switch(layout: Layout, slot: str, share: int = 100) -> bool:
    """Give traffic to ``slot`` in one rename; note before it what was live.

    The note comes first, so that whoever is killed in between can be undone. Of several steps each
    notes what was live before the first: that is what a revert goes back to.

    Args:
        share: of the traffic, in percent; less than all is a canary, beside the live slot.
    """
    split, started = splits.create_share(layout, slot, share), time.monotonic()
    before, moved = splits.live(layout), journal.last(layout, "from")
    if before == split:
        return False
    origin = moved["split"] if moved else before
    journal.record(layout, "from", split=origin, to=split)
    splits.make_live(layout, split)
    took, at = time.monotonic() - started, layout.live.lstat().st_ctime
    if share < 100:
        journal.record(layout, "share", to=split, at=at, percent=share)
    else:
        # A rename sets the link's ctime: nothing says more exactly when traffic moved.
        journal.record(layout, "moved", to=split, at=at, took=round(took, 6))
    return True


def moves(layout: Layout) -> list[str | None]:
    """Return the splits of the running deploy: the one before it, then each that it made live."""
    noted = [entry for entry in journal.read_lines(layout.journal) if entry["phase"] == "from"]
    return [noted[0]["split"], *(entry["to"] for entry in noted)] if noted else []


def committed(layout: Layout) -> str | None:
    """Return the release that is live for good, or None before the first commit.

    What a deploy or rollback under way has switched to may go back yet, above all where it died.
    """
    made_live = moves(layout) if journal.running(layout) else []
    slot = splits.slot_of(made_live[0]) if made_live else splits.live_slot(layout)
    return releases.in_slot(layout, slot) if slot else None


def verify(layout: Layout, name: str, public: dict[str, Any], *, settled: bool = True) -> None:
    """Ask through the host's own nginx until the release itself has answered.

    Args:
        public: ``port`` and ``tls`` of the site.
        settled: wait first until nginx can hold no connection from before.

    Raises:
        HostFailure: with what came back instead.
    """
    asked = Health.from_settings(releases.get(layout, name).manifest["health"])
    wanted = health.through_nginx(asked, settle.settings(layout).get("hostnames", ()))
    if settled:
        drain.wait_for_last_old_answer(layout)
    deadline, in_a_row = time.monotonic() + VERIFY_SECONDS, 0
    while in_a_row < ANSWERS_IN_A_ROW:
        answer = health.probe_public(int(public["port"]), wanted, tls=bool(public["tls"]))
        problem = health.complaint(answer, wanted) or _other_release(answer, name)
        in_a_row = 0 if problem else in_a_row + 1
        if problem and time.monotonic() > deadline:
            told = hiding.hider(layout, name)(health.told(answer, wanted))
            raise HostFailure(
                f"nginx does not answer with the release {name}: {problem}",
                "see the answer and /var/log/nginx/error.log on the host",
                told[:ANSWER_CHARACTERS],
                {"answer": told},
            )
        if problem:
            time.sleep(LOOK_SECONDS)


def verify_slot(layout: Layout, slot: str, name: str) -> None:
    """Ask over the slot's own socket whether the release is well.

    Raises:
        HostFailure: with what came back instead.
    """
    wanted = Health.from_settings(releases.get(layout, name).manifest["health"])
    answer = health.probe_slot(layout.socket(slot), wanted)
    problem = health.complaint(answer, wanted)
    if problem:
        raise HostFailure(
            f"{slot} does not answer with the release {name}: {problem}",
            "see the answer and the slot's log on the host",
            hiding.hider(layout, name)(answer.describe()),
        )


def _other_release(answer: health.Answer, name: str) -> str | None:
    """Return a complaint unless the answer carries the release's name.

    Only gunicorn workers with our hook name the release; of another worker
    class the health page alone has to do.
    """
    served = answer.headers.get("X-Turnout-Release", "")
    if served.partition("/")[2] in ("", name):
        return None
    return f"{served} answered"


def commit(layout: Layout, name: str, **facts: Any) -> dict[str, Any]:
    """Make the switch final: the history has it, and rollback may go to it.

    Raises:
        HostFailure: if the traffic is not the release's any more.
    """
    if releases.live(layout) != name:
        raise HostFailure(
            f"{name} is not live any more: another deploy or rollback overtook this one",
            "see `invoke status`, and deploy again if that is not what you want",
        )
    releases.mark_good(layout, name)
    action = journal.action(layout)
    # A rollback moves code and configuration, never the schema.
    there = schema.reached(layout, name) if action == journal.DEPLOY else None
    known = {"schema": there} if there else {}
    return journal.conclude(layout, action, "live", release=name, **facts, **known)


def reconcile(layout: Layout, slots: Slots, held: Lease | None = None) -> bool:
    """Put right what a deploy or rollback that died left here; say whether one had.

    Args:
        held: its lease, if there is one. A canary that was parked is ended, and did not fail.
    """
    dead = journal.running(layout)
    if dead and held and held.parked:
        cause = f"the canary that {held.owner} had left at {held.parked} % was ended"
        revert(layout, slots, cause, outcome="aborted")
    elif dead:
        action, who = dead.get("action", "deploy"), f" of {held.owner}" if held else ""
        revert(layout, slots, f"the {action}{who} died {journal.reached(layout)}")
    return dead is not None


def revert(
    layout: Layout, slots: Slots, cause: str, outcome: str = "failed", **facts: Any
) -> dict[str, Any]:
    """Put the traffic back where it was before the running deploy, and stop its slot.

    Safe to repeat, and a no-op when the deploy has ended or never began here.

    Args:
        outcome: what the history calls it.

    Returns:
        ``changed``, and the ``live`` slot afterwards.
    """
    if journal.running(layout) is None:
        return {"changed": False, "live": splits.live_slot(layout)}
    return _go_back(layout, slots, outcome, cause=cause, **facts)


def take_back(layout: Layout, slots: Slots, token: str, cause: str, **facts: Any) -> dict[str, Any]:
    """Go back although this host has committed: another host of the fleet could not.

    Only the latest deploy can be taken back. Where the slot before it is not warm any more, it
    starts first.

    Args:
        token: of the lease under which the deploy ran.

    Returns:
        ``changed``, and the ``live`` slot afterwards.

    Raises:
        HostFailure: what was live before does not start any more; the traffic stays where it is.
    """
    made_live = moves(layout)
    ours = token and token == journal.token(layout) and splits.live(layout) in made_live[1:]
    if not ours:
        return {"changed": False, "live": splits.live_slot(layout)}
    _wake(layout, slots, made_live[0])
    # The timer of the commit is for the slot that is live again; the other one has to stop now.
    settle.cancel(layout, slots.run)
    return _go_back(layout, slots, "withdrawn", cause=cause, **facts)


def _wake(layout: Layout, slots: Slots, split: str | None) -> None:
    for slot, count in splits.lanes(layout, split).items():
        if count and not slots.state(slot).running:
            release = releases.get(layout, str(releases.in_slot(layout, slot)))
            wanted = Health.from_settings(release.manifest["health"])
            try:
                slots.start(slot)
                starting.wait_until_healthy(layout, slots, slot, wanted)
            except HostFailure:
                # Or systemd would start it again and again, with nobody waiting for it.
                slots.stop(slot)
                raise


def _go_back(layout: Layout, slots: Slots, outcome: str, **facts: Any) -> dict[str, Any]:
    begun, made_live = journal.last(layout, "begin"), moves(layout)
    assert begun is not None  # noqa: S101 the callers have looked
    # A step is noted before it is taken, so the live split may be that of the step before.
    changed = splits.live(layout) in made_live[1:]
    if changed:
        splits.make_live(layout, made_live[0])
    slot = splits.idle_slot(layout)
    # Only the failed release's slot: the one before may be warm for a rollback. And what was warm
    # before a rollback stays so, for the next try.
    is_warm = journal.last(layout, "warm") is not None
    # It may have visitors, as a canary that is aborted: these have the app's whole drain time.
    had_traffic, left = len(made_live) > 1, 0
    if releases.in_slot(layout, slot) == begun["release"] and not is_warm:
        left = drain.stop(layout, slots, slot, GONE_BACK_SECONDS, leaves_busy=had_traffic)
    there = schema.left_behind(layout)
    known = {"schema": there} if there else {}
    action = journal.action(layout)
    journal.conclude(layout, action, outcome, release=begun["release"], **facts, **known)
    if left and had_traffic:
        # Who goes back holds the app's lock, and does not wait for them.
        settle.schedule(layout, slot, 0, slots.run)
    return {"changed": changed, "live": splits.live_slot(layout)}
