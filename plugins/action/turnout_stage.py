"""Ship what a host lacks of a release in one file, then have the host program stage it."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.loader import action_loader

# What is larger goes ahead as a file: a call is held in memory, once for each host.
WITH_THE_CALL_BYTES = 4 * 2**20

HostPhase = action_loader.get("turnout_phase", class_only=True)

# Found since the phase was loaded.
from turnout_build.artifact import ARCHIVE, MANIFEST  # noqa: E402
from turnout_build.files import file_digest  # noqa: E402
from turnout_build.signing import SIGNATURE  # noqa: E402


class ActionModule(HostPhase):
    """The controller's half of a stage."""

    def phase_result(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send what the host lacks, when there is something to send, and stage it."""
        build, host = arguments.pop("build"), arguments.pop("host")
        arguments["release"] = build["release"]
        wanted = wheel_set(build, host["target"])
        if self._task.check_mode or build["release"] in host["releases"]:
            return dict(self.ask(arguments))
        with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
            bundle = packed(files_to_send(build, host, wanted, Path(folder)), Path(folder))
            if bundle.stat().st_size <= WITH_THE_CALL_BYTES:
                return dict(self.ask(arguments, bundle.read_bytes()))
            return self._sent_ahead(arguments, bundle)

    def _sent_ahead(self, arguments: dict[str, Any], bundle: Path) -> dict[str, Any]:
        try:
            remote = str(self._connection._shell.join_path(self._make_tmp_path(), bundle.name))
            self._transfer_file(str(bundle), remote)
            return dict(self.ask(arguments, remote))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)


def packed(files: dict[str, Path], folder: Path) -> Path:
    """Return one file in ``folder`` that holds these, in their order."""
    bundle = folder / "bundle.tar"
    with tarfile.open(bundle, "w") as archive:
        for name, path in files.items():
            archive.add(path, name)
    return bundle


def wheel_set(build: dict[str, Any], target: dict[str, str]) -> dict[str, Any]:
    """Return the build's lock and wheels for a host's Python and platform."""
    for candidate in build["targets"]:
        if all(candidate[fact] == target[fact] for fact in ("python", "machine", "glibc")):
            return dict(candidate)
    wanted = f"Python {target['python']} on {target['machine']} with glibc {target['glibc']}"
    raise AnsibleActionFail(
        f"The artifact {build['artifact']} has no wheels for {wanted}. Next: run the whole "
        "playbook; where the artifact was given, build it with such hosts in app_targets"
    )


def files_to_send(
    build: dict[str, Any], host: dict[str, Any], wanted: dict[str, Any], folder: Path
) -> dict[str, Path]:
    """Return what the host lacks: name in the bundle -> file here.

    Args:
        folder: an empty one, for what is in no file yet.
    """
    artifact, signature = Path(build["artifact_path"]), folder / SIGNATURE
    # The manifest and its signature first: the host looks at nothing else before them.
    files = {MANIFEST: artifact / MANIFEST}
    if build["signature"]:
        signature.write_text(build["signature"])
        files[SIGNATURE] = signature
    files[ARCHIVE] = artifact / ARCHIVE
    if wanted["venv_key"] not in host["venvs"]:
        for wheel in wanted["wheels"]:
            if wheel["sha256"] not in host["wheels"]:
                files[f"wheels/{wheel['file']}"] = whole(Path(wheel["path"]), wheel["sha256"])
    return files


def whole(wheel: Path, sha256: str) -> Path:
    """Return a wheel that is what it was when it was fetched; a damaged one is removed.

    Raises:
        AnsibleActionFail: it is damaged.
    """
    if file_digest(wheel) != sha256:
        wheel.unlink()
        raise AnsibleActionFail(
            f"{wheel} was damaged, and is removed. Next: deploy again, it is fetched anew"
        )
    return wheel
