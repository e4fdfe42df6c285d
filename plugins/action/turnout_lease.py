"""Name the lease of this deploy, or say at once who changes the hosts already.

Runs once, on the controller: every host must know the deploy by the same token.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import owner  # noqa: E402

ARGUMENTS: dict[str, dict[str, Any]] = {
    "actor": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True},
    "seconds": {"type": "int", "required": True},
    "wait_seconds": {"type": "int", "default": 0},
    "continues": {"type": "bool", "default": False},
    "found": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the lease that every phase names, or who stands in its way."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENTS)
        held_by = {host: held for host, held in given["found"].items() if held}
        parked = {host: held for host, held in held_by.items() if _is_parked(held)}
        found = {host: held for host, held in held_by.items() if host not in parked}
        if parked and not given["continues"]:
            return _refusal_by_canary(*next(iter(parked.items())))
        dead = sorted({held["owner"] for held in found.values() if owner.is_dead(held["owner"])})
        if not given["wait_seconds"]:
            for host, held in found.items():
                if held["seconds_left"] and held["owner"] not in dead:
                    return refusal(host, held)
        kept = ("reason", "seconds", "wait_seconds", "continues")
        lease = {name: given[name] for name in kept}
        lease |= {"token": secrets.token_hex(8), "dead": dead, "began": time.time()}
        # A fork of ansible-playbook runs this; its parent lives as long as the deploy.
        lease["owner"] = owner.name(given["actor"], os.getppid())
        return {"changed": False, "lease": lease}


def refusal(host: str, held: dict[str, Any]) -> dict[str, Any]:
    """Return the failure of a deploy that came second."""
    cause = (
        f"{host} is being changed by {held['owner']} ({held['reason']}); its lease goes on for "
        f"{held['seconds_left']} s, and longer while it works"
    )
    next_step = (
        "wait until that has ended (invoke deploy --wait SECONDS does), or, if it is dead, free "
        "the hosts: invoke unlock --env <env>"
    )
    return _failure(cause, next_step)


def _is_parked(held: dict[str, Any]) -> bool:
    return bool(held.get("parked") and held["seconds_left"])


def _refusal_by_canary(host: str, held: dict[str, Any]) -> dict[str, Any]:
    """Return the failure of a deploy that met a canary: to wait for its end would be hours."""
    return _failure(
        f"{host} has a canary at {held['parked']} %, by {held['owner']}",
        "end it first: invoke canary --env <env> --finish, or --abort",
    )


def _failure(cause: str, next_step: str) -> dict[str, Any]:
    return {
        "failed": True,
        "phase": "Preflight",
        "msg": f"{cause}. Next: {next_step}",
        "cause": cause,
        "next_step": next_step,
    }
