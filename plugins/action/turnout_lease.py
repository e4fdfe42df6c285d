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

from turnout_build import leases, owner  # noqa: E402

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
        found, waits = given["found"], bool(given["wait_seconds"])
        refused = leases.objection(found, waits=waits, continues=given["continues"])
        if refused:
            return _failure(*refused)
        dead = leases.dead_owners(found)
        kept = ("reason", "seconds", "wait_seconds", "continues")
        lease = {name: given[name] for name in kept}
        lease |= {"token": secrets.token_hex(8), "dead": dead, "began": time.time()}
        # A fork of ansible-playbook runs this; its parent lives as long as the deploy.
        lease["owner"] = owner.name(given["actor"], os.getppid())
        return {"changed": False, "lease": lease}


def _failure(cause: str, next_step: str) -> dict[str, Any]:
    return {
        "failed": True,
        "phase": "Preflight",
        "msg": f"{cause}. Next: {next_step}",
        "cause": cause,
        "next_step": next_step,
    }
