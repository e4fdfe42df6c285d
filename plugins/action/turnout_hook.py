"""Run a team's own command at a point of a deploy, once, on the controller."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import hooks  # noqa: E402
from turnout_host import hiding  # noqa: E402

SHOWN_CHARACTERS = 4000
ARGUMENTS: dict[str, dict[str, Any]] = {
    "point": {"type": "str", "required": True},
    "command": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "timeout_seconds": {"type": "float", "default": 30},
    "app": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "cause": {"type": "str", "default": ""},
    "variables": {"type": "dict", "default": {}, "no_log": True},
    "must": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run the hook; one that must not fail the deploy is a warning when it does."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if self._task.check_mode:
            return {"skipped": True, "msg": "a hook is not run in check mode"}
        ran = hooks.run(
            given["command"],
            folder=Path(given["folder"]),
            variables=variables(given),
            timeout=given["timeout_seconds"],
        )
        return result(given, ran)


def variables(given: dict[str, Any]) -> dict[str, str]:
    """Return what a hook finds in its environment."""
    return {
        **{name: str(value) for name, value in given["variables"].items()},
        "TURNOUT_ENV": given["environment"],
        "TURNOUT_APP": given["app"],
        "TURNOUT_RELEASE": given["release"],
        "TURNOUT_HOOK": given["point"],
        "TURNOUT_HOSTS": " ".join(given["hosts"]),
        **({"TURNOUT_CAUSE": given["cause"]} if given["cause"] else {}),
    }


def result(given: dict[str, Any], ran: hooks.Ran) -> dict[str, Any]:
    """Return the task's result; the output only where it is needed."""
    if not ran.problem:
        return {"changed": True}
    cause = f"the hook {given['point']} {ran.problem}: `{given['command']}`"
    output = hidden(ran.output, given["variables"])[-SHOWN_CHARACTERS:].strip()
    if not given["must"]:
        return {"changed": True, "warnings": [f"{cause}. It said: {output or 'nothing'}"]}
    next_step = "read its output, mend it or app_hooks, and deploy again; traffic is where it was"
    return {
        "failed": True,
        "msg": f"{cause}. Next: {next_step}",
        "cause": cause,
        "next_step": next_step,
        "evidence": output,
    }


def hidden(output: str, secret: dict[str, Any]) -> str:
    """Return the output without the values that only the hook was given."""
    values = map(str, secret.values())
    return hiding.hider_of(v for v in values if len(v) >= hiding.LEAST_CHARACTERS)(output)
