"""Ship what a host lacks of a release in one file, then run the module of the same name."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The controller's half of turnout_stage."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send the bundle, when there is something to send, and stage it."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        build, host = arguments.pop("build"), arguments.pop("host")
        wanted = wheel_set(build, host["target"])
        try:
            if not self._task.check_mode and build["release"] not in host["releases"]:
                arguments["bundle"] = self._send(files_to_send(build, host, wanted))
            module_args = {**arguments, **described(build, wanted)}
            result.update(self._execute_module("turnout_stage", module_args, task_vars=task_vars))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return dict(result)

    def _send(self, files: dict[str, Path]) -> str:
        remote = str(self._connection._shell.join_path(self._make_tmp_path(), "bundle.tar"))
        with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
            bundle = Path(folder) / "bundle.tar"
            with tarfile.open(bundle, "w") as archive:
                for name, path in files.items():
                    archive.add(path, name)
            self._transfer_file(str(bundle), remote)
        return remote


def wheel_set(build: dict[str, Any], target: dict[str, str]) -> dict[str, Any]:
    """Return the build's lock and wheels for a host's Python and platform."""
    for candidate in build["targets"]:
        if all(candidate[fact] == target[fact] for fact in ("python", "machine", "glibc")):
            return dict(candidate)
    wanted = f"Python {target['python']} on {target['machine']} with glibc {target['glibc']}"
    raise AnsibleActionFail(f"The build has no wheels for {wanted}. Next: run the whole playbook")


def described(build: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the module's arguments that say what the bundle must hold."""
    return {
        "release": build["release"],
        "code_sha256": build["code_sha256"],
        "lock": wanted["lock"],
        "venv": wanted["venv_key"],
        "wheels": {wheel["file"]: wheel["sha256"] for wheel in wanted["wheels"]},
    }


def files_to_send(
    build: dict[str, Any], host: dict[str, Any], wanted: dict[str, Any]
) -> dict[str, Path]:
    """Return what the host lacks: name in the bundle -> file here."""
    files = {"code.tar.gz": Path(build["artifact_path"]) / "code.tar.gz"}
    if wanted["venv_key"] not in host["venvs"]:
        for wheel in wanted["wheels"]:
            if wheel["file"] not in host["wheels"]:
                files[f"wheels/{wheel['file']}"] = Path(wheel["path"])
    return files
