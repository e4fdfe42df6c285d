"""One artifact: code and wheels under one name, the same bytes wherever it is made."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .archive import Entry, write_archive
from .errors import BuildError
from .files import digest, file_digest, new_folder, read_json, write_json
from .source import Source
from .wheels import WheelSet

ARCHIVE = "code.tar.gz"
MANIFEST = "manifest.json"
_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-z.]+-[0-9a-f]{8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Artifact:
    """What was built.

    Args:
        name: says the commit and the content.
        path: the folder with the archive and the manifest.
        manifest: what ``manifest.json`` holds.
        wheel_sets: one for each kind of host, as the targets were given, sorted; none of an
            artifact that was only looked up.
        fresh: it was made by this build, not found.
        seconds: how long each step took.
    """

    name: str
    path: Path
    manifest: dict[str, Any]
    wheel_sets: tuple[WheelSet, ...] = ()
    fresh: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def commit(self) -> str | None:
        """The full id of the commit, or None without git."""
        commit: str | None = self.manifest["commit"]
        return commit


@dataclass(frozen=True)
class Content:
    """Everything an artifact consists of.

    Args:
        source: None for an app that is only packages.
    """

    source: Source | None
    entries: list[Entry]
    wheel_sets: tuple[WheelSet, ...]

    @property
    def time(self) -> int:
        """The commit's time; of an app without code, that of the newest file in its wheels."""
        if self.source:
            return self.source.time
        return max((wheel.newest for one in self.wheel_sets for wheel in one.wheels), default=0)

    @property
    def name(self) -> str:
        """Say when, which commit and what content. The bytes of gzip are no part of it."""
        date = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self.time))
        label = self.source.label if self.source else "nogit"
        return f"{date}-{label}-{digest(self._named(), self._targets())[:8]}"

    def _named(self) -> dict[str, Any]:
        """Return what decides the name: of what was compressed only that it is there."""
        return {entry.path: "" if entry.made else entry.as_manifest() for entry in self.entries}

    def manifest(self, archive: Path) -> dict[str, Any]:
        """Return the manifest; it holds nothing of the machine, folder or hour of the build."""
        sha256, size = file_digest(archive), archive.stat().st_size
        return {**self.facts(), "archive": {"file": ARCHIVE, "sha256": sha256, "size": size}}

    def facts(self) -> dict[str, Any]:
        """Return all of the manifest that does not depend on the bytes of the archive."""
        source = self.source
        return {
            "format": 1,
            "name": self.name,
            "commit": source.commit if source else None,
            "commit_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time)),
            "dirty": bool(source and source.dirty),
            "files": self._files(),
            "targets": self._targets(),
        }

    def _files(self) -> dict[str, Any]:
        return {entry.path: entry.as_manifest() for entry in self.entries}

    def _targets(self) -> list[dict[str, Any]]:
        return [one.as_manifest() for one in self.wheel_sets]


def publish(content: Content, artifacts: Path) -> tuple[Path, dict[str, Any], bool]:
    """Write the artifact, or find it written; return its folder, its manifest and if it is new.

    What lies there under its name came from anywhere, a host or a CI's cache, and is about to be
    signed: so only what is said here of every file will do.
    """
    path = artifacts / content.name
    known = _whole(path)
    if known is not None and {**known, **content.facts()} == known:
        return path, known, False
    root = content.source.root if content.source else artifacts
    with new_folder(path) as folder:
        write_archive(root, content.entries, content.time, folder / ARCHIVE)
        manifest = content.manifest(folder / ARCHIVE)
        write_json(folder / MANIFEST, manifest)
    return path, manifest, True


def _whole(path: Path) -> dict[str, Any] | None:
    """Return the manifest of an artifact whose archive is what the manifest says."""
    manifest = read_manifest(path, path.name)
    archive = path / ARCHIVE
    if manifest is None or not archive.exists():
        return None
    return manifest if file_digest(archive) == manifest["archive"]["sha256"] else None


def is_name(text: str) -> bool:
    """Say whether an artifact may be called so: what a host says becomes a path on this machine."""
    return _NAME.fullmatch(text) is not None


def read_manifest(path: Path, name: str) -> dict[str, Any] | None:
    """Return the manifest in a folder, if it is one of this artifact and names no path outside."""
    manifest = read_json(path / MANIFEST)
    try:
        wheels = [wheel for target in manifest["targets"] for wheel in target["wheels"]]
        is_sound = (
            manifest["name"] == name
            and _SHA256.fullmatch(manifest["archive"]["sha256"])
            and all(_SHA256.fullmatch(wheel["sha256"]) for wheel in wheels)
            and all(PurePosixPath(wheel["file"]).name == wheel["file"] for wheel in wheels)
        )
    except (KeyError, TypeError):
        return None
    return dict(manifest) if is_sound else None


def load(name: str, cache: Path) -> Artifact:
    """Return an artifact that was built before, with all its wheels, as it is.

    Args:
        name: the artifact's.
        cache: the folder ``.turnout``.

    Raises:
        BuildError: it is not here whole.
    """
    path = cache.resolve() / "artifacts" / name
    manifest = _whole(path) if is_name(name) else None
    if manifest is None:
        raise _absent(name, f"there is no whole {path}")
    for wheel in (wheel for target in manifest["targets"] for wheel in target["wheels"]):
        if not (cache.resolve() / "wheels" / wheel["sha256"] / wheel["file"]).exists():
            raise _absent(name, f"its wheel {wheel['file']} is missing")
    return Artifact(name, path, manifest)


def _absent(name: str, why: str) -> BuildError:
    return BuildError(
        f"The artifact {name} is not on this machine",
        why,
        "fetch it from where it is live: invoke promote --from <env> --to <env>",
    )
