"""The bundle that the controller ships: accepted only if it is what was built, file by file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from . import artifact, units
from .artifact import ARCHIVE, MANIFEST, SIGNATURE, Artifact
from .errors import HostFailure
from .layout import Layout


def receive(
    layout: Layout, bundle: BinaryIO, release: Path, run: units.Run = units.run
) -> Artifact:
    """Unpack the code into a release that is still aside, and wheels into the wheelhouse.

    The manifest and its signature come first: nothing else is unpacked before they are
    accepted, and what they do not name is refused.

    Args:
        bundle: a tar file, read once from its beginning: the manifest, its signature if there is
            one, the code, and ``wheels/<file name>`` for each wheel that the host lacks.
        release: the folder, which is there.

    Raises:
        HostFailure: if something arrived damaged, is not what was signed, or would land
            outside the release.
    """
    kept, accepted = release / artifact.FOLDER, None
    kept.mkdir()
    try:
        with tarfile.open(fileobj=bundle, mode="r|") as archive:
            for member in archive:
                if member.name in (MANIFEST, SIGNATURE) and accepted is None:
                    _copy(archive, member, kept / member.name)
                    continue
                accepted = accepted or artifact.accept(layout, kept, run)
                if member.name == ARCHIVE:
                    _receive(archive, member, kept / ARCHIVE, accepted.archive_sha256)
                else:
                    _receive_wheel(layout, archive, member, accepted.wheels)
    except (tarfile.TarError, EOFError) as error:
        raise _damaged("what was shipped", str(error)) from None
    if accepted is None or not (kept / ARCHIVE).exists():
        raise _damaged("what was shipped", "it holds no code")
    _unpack_code(kept / ARCHIVE, release / "code", accepted.files)
    return accepted


def _receive_wheel(
    layout: Layout, archive: tarfile.TarFile, member: tarfile.TarInfo, wheels: Mapping[str, str]
) -> None:
    layout.wheels.mkdir(parents=True, exist_ok=True)
    name = Path(member.name).name
    # Beside its final place, for /srv and /var may be two file systems. The wheelhouse is
    # shared, and each app's calls come one at a time.
    received = layout.wheels / f".{layout.app}.new"
    sha256 = wheels.get(name, "")
    _receive(archive, member, received, sha256)
    (layout.wheels / sha256).mkdir(exist_ok=True)
    received.rename(layout.wheels / sha256 / name)


def check_wheels(layout: Layout, wheels: Mapping[str, str]) -> None:
    """Make sure that the wheelhouse holds these wheels.

    Raises:
        HostFailure: if one is missing or damaged. A damaged one is removed, so that
            the next deploy ships it again.
    """
    for name, wanted in sorted(wheels.items()):
        path = layout.wheels / wanted / name
        if not path.is_file():
            problem = "is missing"
        elif _sha256(path) != wanted:
            path.unlink()
            problem = "is damaged"
        else:
            continue
        raise HostFailure(
            f"{name} {problem} in the host's {layout.wheels}", "deploy again: it is then shipped"
        )


def inside(name: str) -> str:
    """Return a relative path that does not leave the folder it is relative to.

    Raises:
        HostFailure: if it does.
    """
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part == "/":
            raise _outside(name)
    return name


def _receive(
    archive: tarfile.TarFile, member: tarfile.TarInfo, received: Path, wanted: str
) -> None:
    _copy(archive, member, received)
    found = _sha256(received)
    if found != wanted:
        received.unlink()
        why = f"SHA-256 {found[:12]}, not {wanted[:12] or 'one that it may have'}"
        raise _damaged(member.name, why)


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = archive.extractfile(member) if member.isreg() else None
    with target.open("wb") as file:
        if stream is not None:
            shutil.copyfileobj(stream, file)
        file.flush()
        # What has a name in the wheelhouse counts as there, also after a power cut.
        os.fsync(file.fileno())


def _damaged(name: str, why: str) -> HostFailure:
    return HostFailure(
        f"{name} arrived damaged: {why}",
        "deploy again; if it happens twice, remove .turnout/artifacts and build anew",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack_code(archive: Path, target: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Unpack what the manifest names, and it alone: plain files, folders and links inside."""
    root, found = target.resolve(), set()
    with tarfile.open(archive) as code:
        for member in code:
            path = _within(root, root / member.name, member.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif _unpacked(code, member, path, root).items() <= _named(files, member.name).items():
                found.add(member.name)
            else:
                raise _damaged(member.name, "it is not what the manifest says")
    # Once more: where a link leads may depend on one that came after it.
    for name in found:
        _within(root, root / name, name)
    if found != files.keys():
        raise _damaged(min(files.keys() - found), "the archive does not hold it")


def _named(files: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if name not in files:
        raise _damaged(name, "the manifest does not name it")
    return files[name]


def _unpacked(
    code: tarfile.TarFile, member: tarfile.TarInfo, path: Path, root: Path
) -> dict[str, str]:
    """Unpack a file or link, and return what it is in the words of a manifest."""
    if member.issym():
        _within(root, path.parent / member.linkname, member.name)
        path.symlink_to(member.linkname)
        return {"link": member.linkname}
    if not member.isreg():
        raise HostFailure(
            f"the archive holds {member.name}, which is no file, folder or link",
            "remove it from the app's source",
        )
    stream = code.extractfile(member)
    with path.open("wb") as file:
        if stream is not None:
            shutil.copyfileobj(stream, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    os.utime(path, (member.mtime, member.mtime))
    return {"sha256": _sha256(path)}


def _within(root: Path, path: Path, name: str) -> Path:
    # By what the links on the way really lead to: a name alone can hide it.
    if Path(os.path.realpath(path)).is_relative_to(root):
        return path
    raise _outside(name)


def _outside(name: str) -> HostFailure:
    return HostFailure(
        f"the archive's {name} would land outside the release",
        "remove that link or file from the app's source",
    )
