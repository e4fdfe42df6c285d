"""A rollback of one host in one go: the phases of a fleet's, for here nobody waits."""

from __future__ import annotations

import os
from typing import Any

from .errors import HostFailure
from .rollback_steps import PHASES, Steps

# Each phase renews it and holds the lock; who finds it over, finds a program that was killed.
LEASE_SECONDS = 60


def roll_back(
    steps: Steps, *, owner: str = "the host program", wait_seconds: float = 0
) -> dict[str, Any]:
    """Give the traffic of this host to an earlier verified release.

    Args:
        steps: the rollback, which has not begun.
        owner: who asks, for the lease and the history.
        wait_seconds: how long to wait for somebody else's deploy to end.

    Returns:
        ``changed``, ``release``, ``previous_release``, ``live`` (the slot), ``seconds`` of each
        phase (``switch`` is the rename alone), and the ``receipt`` so far with its ``words``.

    Raises:
        HostFailure: with the traffic where it was before.
    """
    if steps.target["is_live"]:
        name = steps.target["rollback_to"]
        raise HostFailure(f"release {name} is live already", "name another release")
    lease = {"token": os.urandom(8).hex(), "owner": owner, "reason": "rollback"}
    for phase in PHASES:
        steps.take(phase, {**lease, "seconds": LEASE_SECONDS, "wait_seconds": wait_seconds})
    return steps.outcome
