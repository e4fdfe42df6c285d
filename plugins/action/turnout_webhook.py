"""Tell the team's webhook how a deploy or rollback ended, once, from the controller.

A webhook that fails is told of and changes nothing: what has happened on the hosts has happened.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import webhook  # noqa: E402

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True, "no_log": True},
    "action": {"type": "str", "required": True},
    "app": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "required": True},
    "actor": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "began": {"type": "float", "required": True},
    "cause": {"type": "str", "default": ""},
    "where": {"type": "str", "default": ""},
}


# Where the play keeps what a host has said of its end.
REGISTERED = ("release_committed", "release_reverted")


class ActionModule(ActionBase):
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send the message, and warn when that does not work."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if self._task.check_mode:
            return {"skipped": True, "msg": "nobody is told of a dry run"}
        url, began = given.pop("url"), given.pop("began")
        lines = receipts(given["hosts"], (task_vars or {}).get("hostvars", {}))
        ending = webhook.Ending(
            **given, seconds=max(0.0, time.time() - began), receipt="\n".join(lines)
        )
        problem = webhook.post(url, webhook.text(ending))
        told = {"warnings": [f"The webhook was not told: {problem}"]} if problem else {}
        return {"changed": not problem, **told}


def receipts(hosts: list[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the receipt of each host that has one, in a line."""
    found = {
        host: told["words"]
        for host in hosts
        for name in REGISTERED
        if host in hostvars and (told := hostvars[host].get(name)) and told.get("words")
    }
    return [words if len(hosts) == 1 else f"{host}: {words}" for host, words in found.items()]
