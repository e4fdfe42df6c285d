"""Check what a team says about its app, and name everything that is wrong at once.

What is missing first, then what has the wrong type, then what cannot work. It runs on the
controller, before a host is touched, and never shows the value of a secret.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import app_settings, missing_settings, typed_settings  # noqa: E402

ROLES = Path(__file__).resolve().parents[2] / "roles"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Any:
        """Fail with every problem of the first kind that there is, in one message."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        env = Path(variables.get("inventory_dir") or "<env>").name
        lines, step = self._missing(variables, env)
        if not lines:
            values, lines = self._typed(variables)
            step = typed_settings.remedy(env, self._task.args["role"])
            if not lines:
                lines = app_settings.problems(app_settings.from_values(values))
                step = f"correct it in inventories/{env}/group_vars/all/app.yml"
        if lines:
            cause = "\n".join([f"Nothing was touched in {env}:", *lines])
            result.update(failed=True, msg=f"{cause}\nNext: {step}", cause=cause, next_step=step)
        return result

    def _missing(self, variables: dict[str, Any], env: str) -> tuple[list[str], str]:
        """Return what has no value, one line for each place, and what to do about it."""
        lines: list[str] = []
        steps: dict[str, None] = {}
        for kind in ("needed", "secret"):
            is_secret = kind == "secret"
            for name in self._task.args.get(kind, []):
                setting = missing_settings.Setting(name, variables, self._templar.template)
                found = missing_settings.missing(setting, secret=is_secret)
                if found:
                    lines += found
                    steps[missing_settings.remedy(env, found, secret=is_secret)] = None
        return lines, "; ".join(steps)

    def _typed(self, variables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the value of each setting of the role, and what is wrong with their types."""
        # Not by Ansible's loader: it notes the place of each word, and takes ten times longer.
        spec = yaml_load((ROLES / self._task.args["role"] / "meta/argument_specs.yml").read_text())
        values: dict[str, Any] = {}
        lines: list[str] = []
        for name, option in spec["argument_specs"]["main"]["options"].items():
            if name not in variables:
                continue
            try:
                values[name] = self._templar.template(variables[name])
            except AnsibleError as error:
                lines.append(f"{name} cannot be read: {str(error).splitlines()[0]}")
                continue
            lines += typed_settings.problems(name, values[name], option)
        return values, lines
