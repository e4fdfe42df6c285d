"""What the leases that hosts told of mean to a deploy or rollback that wants to begin."""

from __future__ import annotations

from typing import Any

from . import owner

Lease = dict[str, Any]


def dead_owners(found: dict[str, Lease | None]) -> list[str]:
    """Return the owners that are known to be dead: processes of this machine that are no more.

    Args:
        found: the lease of each host, by name; None where nobody has it. So in all of these.
    """
    held = _held(found, parked=False)
    return sorted({lease["owner"] for lease in held.values() if owner.is_dead(lease["owner"])})


def objection(
    found: dict[str, Lease | None], *, waits: bool = False, continues: bool = False
) -> tuple[str, str] | None:
    """Return what stands in the way, and what to do about it, or None.

    Args:
        waits: for somebody else's deploy to end; for a canary's end that would be hours.
        continues: whether it goes on with a canary.
    """
    parked = _held(found, parked=True)
    if parked and not continues:
        return _by_canary(*next(iter(parked.items())))
    dead = dead_owners(found)
    for host, lease in _held(found, parked=False).items():
        if lease["seconds_left"] and lease["owner"] not in dead and not waits:
            return _by_another(host, lease)
    return None


def is_parked(lease: Lease) -> bool:
    """Say whether it is of a canary that was left at its share, for anybody to go on with."""
    return bool(lease.get("parked") and lease["seconds_left"])


def _held(found: dict[str, Lease | None], *, parked: bool) -> dict[str, Lease]:
    return {host: lease for host, lease in found.items() if lease and is_parked(lease) == parked}


def _by_another(host: str, held: Lease) -> tuple[str, str]:
    return (
        f"{host} is being changed by {held['owner']} ({held['reason']}); its lease goes on for "
        f"{held['seconds_left']} s, and longer while it works",
        "wait until that has ended (invoke deploy --wait SECONDS does), or, if it is dead, free "
        "the hosts: invoke unlock --env <env>",
    )


def _by_canary(host: str, held: Lease) -> tuple[str, str]:
    return (
        f"{host} has a canary at {held['parked']} %, by {held['owner']}",
        "end it first: invoke canary --env <env> --finish, or --abort",
    )
