"""A rollback of one host in one go, without Ansible: the phases of a fleet's, one after another."""

from __future__ import annotations

import secrets
from typing import Any

from . import phases, rollback, settle
from .errors import HostFailure
from .layout import Layout

# Each phase renews it and holds the lock; who finds it over, finds a program that was killed.
LEASE_SECONDS = 60
PHASES = ("recall", "start", "switch", "commit")


def roll_back(
    layout: Layout,
    wanted: str | None,
    *,
    owner: str = "the host program",
    with_current_env: bool = False,
    force: bool = False,
    wait_seconds: float = 0,
) -> dict[str, Any]:
    """Give the traffic of this host to an earlier verified release.

    Args:
        wanted: which; None for the one before the live one.
        owner: who asks, for the lease and the history.
        with_current_env: with the live release's environment.
        force: whatever the schema of the database.
        wait_seconds: how long to wait for somebody else's deploy to end.

    Returns:
        ``changed``, ``release``, ``previous_release``, ``live`` (the slot), ``seconds`` of each
        phase (``switch`` is the rename alone), and the ``receipt`` so far with its ``words``.

    Raises:
        HostFailure: with the traffic where it was before.
    """
    where = rollback.destination(layout, wanted, with_current_env=with_current_env)
    name = where["rollback_to"]
    if where["is_live"]:
        raise HostFailure(f"release {name} is live already", "name another release")
    if not force:
        rollback.check_schema(layout, where["rollback_base"])
    token = {"token": secrets.token_hex(8), "owner": owner, "reason": "rollback"}
    known = _parameters(layout) | {"release": name, "base": where["rollback_base"], "actor": owner}
    known["lease"] = {**token, "seconds": LEASE_SECONDS, "wait_seconds": wait_seconds}
    return _run(layout, known)


def _run(layout: Layout, known: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, dict[str, Any]] = {}
    try:
        for phase in PHASES:
            done[phase] = phases.run(phase, layout, known, check=False)
            known["previous_release"] = done["recall"]["previous_release"]
    except (HostFailure, OSError) as error:
        cause = error.cause if isinstance(error, HostFailure) else str(error)
        phases.run("revert", layout, {**known, "cause": cause}, check=False)
        raise
    seconds = {phase: result["seconds"] for phase, result in done.items()}
    measured = {key: done["commit"].get(key) for key in ("receipt", "words")}
    return {
        "changed": True,
        "release": known["release"],
        "previous_release": known["previous_release"],
        "live": done["switch"]["slot"],
        "seconds": {**seconds, "switch": done["switch"]["switch_seconds"]},
        **measured,
    }


def _parameters(layout: Layout) -> dict[str, Any]:
    said = settle.settings(layout)
    return {
        "port": said.get("port", 80),
        "tls": said.get("tls", False),
        "drain_seconds": said.get("drain_seconds", 60),
        "warm_seconds": said.get("warm_seconds", settle.WARM_SECONDS),
        "probe_rate": said.get("probe_rate", 20),
    }
