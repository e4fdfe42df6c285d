"""Find uv for a kind of host on the controller; a host without it makes do with pip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

from turnout_build import BuildError, uv_program  # noqa: E402

ARGUMENTS: dict[str, dict[str, Any]] = {
    "machine": {"type": "str", "required": True},
    "lock": {"type": "path", "required": True},
    "cache": {"type": "path", "required": True},
}

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the program's path, or an empty one and a warning that says why."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENTS)
        lock, cache = Path(given["lock"]), Path(given["cache"])
        try:
            path = uv_program(given["machine"], lock, cache, display.display)
        except BuildError as error:
            warning = f"pip makes the virtual environments, slower: {error.what}: {error.why}"
            return {"changed": False, "path": "", "warnings": [warning]}
        return {"changed": False, "path": str(path)}
