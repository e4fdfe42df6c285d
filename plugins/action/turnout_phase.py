"""Ask the host program for a phase, over the connection that is open anyway.

Every `turnout_*` action that runs on a host is this one, by a link of its name. An Ansible
module of its own for each phase would bundle the host library anew and unpack it on the host:
0.9 s a phase instead of 0.3 s. Parameters go by standard input, never by argv.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import failures  # noqa: E402
from turnout_host import program, units  # noqa: E402

# Here, once: a task runs in a process of its own for each host.
VERSION = program.version()

APP: dict[str, Any] = {"app": {"type": "str", "required": True}}
LEASE: dict[str, Any] = {"lease": {"type": "dict", "required": True}}
CHECKED: dict[str, Any] = {"import_checked": {"type": "bool", "default": True}}
RELEASE: dict[str, Any] = {"release": {"type": "str", "required": True}}
# What a host that waits for no other does in the same call.
THEN: dict[str, Any] = {"then": {"type": "list", "elements": "dict", "default": []}}
BACK: dict[str, Any] = {
    "current_env": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}
# What each phase takes; documented in plugins/modules/.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "preflight": {
        "python": {"type": "str", "default": ""},
        "free_megabytes": {"type": "int", "required": True},
    },
    "target": {"release": {"type": "str", "default": ""}, **BACK},
    "state": {},
    "audit": {},
    "take": {**LEASE},
    "stage": {
        **LEASE,
        "build": {"type": "dict", "required": True},
        "host": {"type": "dict", "required": True},
        "settings": {"type": "dict", "required": True},
        "environment": {"type": "dict", "default": {}, "no_log": True},
        "config_files": {"type": "list", "elements": "dict", "default": [], "no_log": True},
        "import_check": {"type": "bool", "default": True},
        **THEN,
    },
    "recall": {
        **LEASE,
        **RELEASE,
        "base": {"type": "str", "default": ""},
        "live": {"type": "str", "default": ""},
        "force": {"type": "bool", "default": False},
        **THEN,
    },
    "migrate": {
        **LEASE,
        **RELEASE,
        **CHECKED,
        "init_command": {"type": "str", "default": ""},
        "migrate_command": {"type": "str", "default": ""},
        "timeout_seconds": {"type": "int", "required": True},
    },
    "start": {
        **LEASE,
        **RELEASE,
        **CHECKED,
        "drain_seconds": {"type": "int", "required": True},
        "probe_rate": {"type": "int", "required": True},
    },
    "switch": {
        **LEASE,
        **RELEASE,
        "share": {"type": "int", "default": 100},
        "port": {"type": "int", "required": True},
        "tls": {"type": "bool", "default": False},
    },
    "bake": {
        **LEASE,
        **RELEASE,
        "seconds": {"type": "int", "required": True},
        "errors": {"type": "float", "required": True},
        "latency": {"type": "float", "required": True},
        "requests": {"type": "int", "required": True},
    },
    "renew": {**LEASE},
    "park": {**LEASE, "share": {"type": "int", "required": True}},
    "commit": {
        **LEASE,
        **RELEASE,
        "actor": {"type": "str", "default": ""},
        "warm_seconds": {"type": "int", "required": True},
        "initialised": {"type": "bool", "default": False},
    },
    "revert": {
        **LEASE,
        "cause": {"type": "str", "required": True},
        "aborted": {"type": "bool", "default": False},
        "actor": {"type": "str", "default": ""},
    },
}


class ActionModule(ActionBase):
    """One phase on one host; which one is in the action's name."""

    _supports_check_mode = True
    _supports_diff = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run the phase and return its result, or its failure in words."""
        super().run(tmp, task_vars)
        self.host = str((task_vars or {}).get("inventory_hostname", "host"))
        self.phase = self._task.action.rpartition("turnout_")[2]
        spec = {**APP, **ARGUMENTS[self.phase]}
        _, arguments = self.validate_argument_spec(argument_spec=spec)
        return self.phase_result(arguments)

    def phase_result(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the result of the phase; `turnout_stage` ships something first."""
        return self.ask(arguments)

    def ask(self, parameters: dict[str, Any], shipped: bytes | str = "") -> dict[str, Any]:
        """Have the host program run the phase.

        Args:
            parameters: what the phase takes.
            shipped: a file that goes with the call, or the path of one that is on the host.
        """
        app = parameters.pop("app")
        question = {
            "phase": self.phase,
            "then": parameters.pop("then", []),
            "app": app,
            "check": self._task.check_mode,
            "program": VERSION,
            "parameters": parameters,
            "shipped": "-" if isinstance(shipped, bytes) else shipped,
        }
        line = json.dumps(question).encode() + b"\n"
        answer = self._low_level_execute_command(
            f"{' '.join(units.HOST_PROGRAM)} call",
            in_data=line + (shipped if isinstance(shipped, bytes) else b""),
        )
        try:
            result = json.loads(answer["stdout"])
        except ValueError:
            return self._no_answer(answer)
        if not isinstance(result, dict):
            return self._no_answer(answer)
        if "verdict" in result:
            self._display.display(f"{self.host}: {result['verdict']}")
        return self._put_away(result, app, parameters.get("lease", {}).get("began"))

    def _put_away(self, result: dict[str, Any], app: str, began: float | None) -> dict[str, Any]:
        """Write a failure bundle into its folder: Ansible would print all of it."""
        files = result.pop("failure_bundle", None)
        if not files:
            return result
        try:
            folder = failures.keep(files, app=app, host=self.host, began=began or time.time())
        except OSError as error:
            # The cause is told all the same.
            return {**result, "warnings": [f"The failure bundle could not be kept: {error}"]}
        return {**result, "failure_folder": failures.shown(folder)}

    def _no_answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the failure of a host whose program is missing or broken."""
        said = (answer.get("stderr") or answer.get("stdout") or "").strip()
        missing = "No such file" in said or "can't open file" in said
        cause = (
            "the host is not provisioned: it has no host program"
            if missing
            else f"the host program ended with exit code {answer.get('rc')} and no answer"
        )
        next_step = "run `invoke provision --env <env>` (or playbooks/provision.yml) first"
        return {
            "failed": True,
            "phase": self.phase,
            "msg": f"{cause}. Next: {next_step}",
            "cause": cause,
            "next_step": next_step,
            "evidence": said,
        }
