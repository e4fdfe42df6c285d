"""Ship what a host lacks of a release in one file, then have the host program stage it."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.loader import action_loader

HostPhase = action_loader.get("turnout_phase", class_only=True)


class ActionModule(HostPhase):
    """The controller's half of a stage."""

    TRANSFERS_FILES = True

    def phase_result(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send the bundle, when there is something to send, and stage it."""
        build, host = arguments.pop("build"), arguments.pop("host")
        wanted = wheel_set(build, host["target"])
        try:
            if not self._task.check_mode and build["release"] not in host["releases"]:
                arguments["bundle"] = self._send(files_to_send(build, host, wanted))
            return dict(self.ask({**arguments, **described(build, wanted)}))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

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
    """Return what the bundle must hold, for the host to check."""
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
