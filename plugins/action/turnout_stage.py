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
        wanted = wanted_for(build, host)
        try:
            if not self._task.check_mode and build["release"] not in host["releases"]:
                arguments["bundle"] = self._send(files_to_send(build, host, wanted))
            module_args = {**arguments, "release": build["release"], **wanted}
            module_args["code_sha256"] = build.get("code_sha256", "")
            executed = self._execute_module("turnout_stage", module_args, task_vars=task_vars)
            result.update(executed)
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


def wanted_for(build: dict[str, Any], host: dict[str, Any]) -> dict[str, Any]:
    """Return lock, wheels and venv key for the host's Python and platform."""
    target = host["target"]
    key = f"py{target['python']}-{target['machine']}-glibc{target['glibc']}"
    if key not in build["targets"]:
        raise AnsibleActionFail(f"the build has no wheels for {key}: run the whole playbook")
    return {name: build["targets"][key][name] for name in ("lock", "wheels", "venv")}


def files_to_send(
    build: dict[str, Any], host: dict[str, Any], wanted: dict[str, Any]
) -> dict[str, Path]:
    """Return what the host lacks: name in the bundle -> file here."""
    files = {}
    if build.get("code_sha256"):
        files["code.tar.gz"] = Path(build["artifact_path"]) / "code.tar.gz"
    if wanted["venv"] not in host["venvs"]:
        for name, sha256 in wanted["wheels"].items():
            if name not in host["wheels"]:
                files[f"wheels/{name}"] = Path(build["wheels_path"]) / sha256 / name
    return files
