"""The artifact that a release is made of: what its manifest says, and nothing beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from . import signature, units
from .errors import HostFailure
from .layout import Layout

# What a controller ships, and what a release keeps of it, so that it can be promoted from here.
FOLDER = "artifact"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
ARCHIVE = "code.tar.gz"


class Artifact(NamedTuple):
    """A manifest that this host has accepted.

    Args:
        manifest: what it says.
        wheel_set: the part of it for this kind of host.
        signer: who signed it; None on a host that asks for no signature.
    """

    manifest: dict[str, Any]
    wheel_set: dict[str, Any]
    signer: str | None

    @property
    def archive_sha256(self) -> str:
        return str(self.manifest["archive"]["sha256"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """What the archive holds, by path."""
        return dict(self.manifest["files"])

    @property
    def wheels(self) -> dict[str, str]:
        """SHA-256 of each wheel by file name."""
        return {str(wheel["file"]): str(wheel["sha256"]) for wheel in self.wheel_set["wheels"]}

    @property
    def lock(self) -> str:
        """Requirements with one hash each."""
        return str(self.wheel_set["lock"])

    @property
    def venv(self) -> str:
        """The key of the virtual environment."""
        return str(self.wheel_set["venv_key"])

    def origin(self) -> dict[str, Any]:
        """Return what a release says of where it comes from."""
        named = {"artifact": self.manifest["name"], "commit": self.manifest["commit"]}
        return {**named, "signer": self.signer, "venv": self.venv}


def accept(layout: Layout, folder: Path, run: units.Run = units.run) -> Artifact:
    """Return the artifact whose manifest lies in ``folder``, once its signature is checked.

    Raises:
        HostFailure: it is signed by nobody who may, cannot be read, or has nothing for this host.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise HostFailure(
            "what was shipped arrived damaged: it does not begin with a manifest", "deploy again"
        )
    signer = signature.verify(layout, manifest, folder / SIGNATURE, run)
    try:
        said = json.loads(manifest.read_text(encoding="utf-8"))
        wheel_sets, _ = list(said["targets"]), str(said["name"])
    except (ValueError, KeyError, TypeError):
        raise HostFailure(
            "the artifact's manifest cannot be read",
            "remove .turnout/artifacts on the controller and deploy again",
        ) from None
    return Artifact(said, _wheel_set(wheel_sets), signer)


def of_release(layout: Layout, name: str) -> Artifact | None:
    """Return the artifact that a release on this host is made of, accepted when it came."""
    try:
        said = json.loads((layout.release(name) / FOLDER / MANIFEST).read_text(encoding="utf-8"))
        return Artifact(said, _wheel_set(list(said["targets"])), None)
    except (OSError, ValueError, KeyError, TypeError, HostFailure):
        return None


def _wheel_set(wheel_sets: list[dict[str, Any]]) -> dict[str, Any]:
    from .target import target  # what only reads a manifest does without `platform`

    here = target()
    for one in wheel_sets:
        if all(one[fact] == here[fact] for fact in here):
            return one
    wanted = f"Python {here['python']} on {here['machine']} with glibc {here['glibc']}"
    raise HostFailure(
        f"the artifact has no wheels for this host ({wanted})",
        "build it for this host too: deploy without a given artifact, or name the host's kind in "
        "app_targets where it is built",
    )
