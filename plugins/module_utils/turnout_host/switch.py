"""Switch, verify, commit, revert: the moments in which traffic moves."""

from __future__ import annotations

import time
from typing import Any

from . import drain, health, hiding, journal, releases, schema, splits
from .errors import HostFailure
from .health import Health
from .layout import Layout
from .units import Slots

VERIFY_SECONDS = 5.0
# So many answers in a row by the release: nginx has several workers, each with its own connections.
ANSWERS_IN_A_ROW = 3
ANSWER_CHARACTERS = 2000


def switch(layout: Layout, slot: str) -> bool:
    """Give all traffic to ``slot`` in one rename; note before it what was live.

    The note comes first, so that whoever is killed in between can be undone.
    """
    split, started = splits.create_full(layout, slot), time.monotonic()
    before = splits.live(layout)
    if before == split:
        return False
    journal.record(layout, "from", split=before, to=split)
    splits.make_live(layout, split)
    took, at = time.monotonic() - started, layout.live.lstat().st_ctime
    # A rename sets the link's ctime: nothing says more exactly when traffic moved.
    journal.record(layout, "moved", to=split, at=at, took=round(took, 6))
    return True


def verify(layout: Layout, name: str, public: dict[str, Any], *, settled: bool = True) -> None:
    """Ask through the host's own nginx until the release itself has answered.

    Args:
        public: ``port`` and ``tls`` of the site.
        settled: wait first until nginx can hold no connection from before.

    Raises:
        HostFailure: with what came back instead.
    """
    wanted = Health.from_settings(releases.get(layout, name).manifest["health"])
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
            time.sleep(0.05)


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


def reconcile(layout: Layout, slots: Slots, owner: str | None = None) -> bool:
    """Put right what a deploy or rollback that died left here; say whether one had.

    Args:
        owner: who held its lease, if that is known.
    """
    dead = journal.running(layout)
    if dead:
        action, who = dead.get("action", "deploy"), f" of {owner}" if owner else ""
        revert(layout, slots, f"the {action}{who} died before its end")
    return dead is not None


def revert(layout: Layout, slots: Slots, cause: str, **facts: Any) -> dict[str, Any]:
    """Put the traffic back where it was before the running deploy, and stop its slot.

    Safe to repeat, and a no-op when the deploy has ended or never began here.

    Returns:
        ``changed``, and the ``live`` slot afterwards.
    """
    if journal.running(layout) is None:
        return {"changed": False, "live": splits.live_slot(layout)}
    return _go_back(layout, slots, "failed", cause=cause, **facts)


def take_back(layout: Layout, slots: Slots, token: str, cause: str, **facts: Any) -> dict[str, Any]:
    """Go back although this host has committed: another host of the fleet could not.

    Only the latest deploy can be taken back, and only while the slot before it is warm.

    Args:
        token: of the lease under which the deploy ran.

    Returns:
        ``changed``, and the ``live`` slot afterwards.
    """
    begun, moved = journal.last(layout, "begin"), journal.last(layout, "from")
    ours = begun is not None and token and begun.get("token") == token
    if not ours or not moved or not _is_running(layout, slots, moved["split"]):
        return {"changed": False, "live": splits.live_slot(layout)}
    return _go_back(layout, slots, "withdrawn", cause=cause, **facts)


def _is_running(layout: Layout, slots: Slots, split: str | None) -> bool:
    taking = [slot for slot, count in splits.lanes(layout, split).items() if count]
    return bool(taking) and all(slots.state(slot).running for slot in taking)


def _go_back(layout: Layout, slots: Slots, outcome: str, **facts: Any) -> dict[str, Any]:
    begun, moved = journal.last(layout, "begin"), journal.last(layout, "from")
    assert begun is not None  # noqa: S101 the callers have looked
    changed = bool(moved) and splits.live(layout) == moved["to"] if moved else False
    if moved and changed:
        splits.make_live(layout, moved["split"])
    slot = splits.idle_slot(layout)
    # Only the failed release's slot: the one before may be warm for a rollback.
    if releases.in_slot(layout, slot) == begun["release"]:
        drain.stop(layout, slots, slot, timeout_seconds=10)
    there = schema.left_behind(layout)
    known = {"schema": there} if there else {}
    action = journal.action(layout)
    journal.conclude(layout, action, outcome, release=begun["release"], **facts, **known)
    return {"changed": changed, "live": splits.live_slot(layout)}
