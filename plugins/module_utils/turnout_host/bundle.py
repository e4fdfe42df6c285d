"""The bundle that the controller ships: accepted only if it is what was built, file by file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from .errors import HostFailure
from .layout import Layout

CODE = "code.tar.gz"


def unpack(
    layout: Layout, bundle: Path, code: Path, code_sha256: str, wheels: Mapping[str, str]
) -> None:
    """Unpack the code into the folder ``code`` and put the wheels into the wheelhouse.

    Args:
        bundle: tar file with ``code.tar.gz`` and ``wheels/<file name>``, either may be missing.
        code_sha256: what ``code.tar.gz`` must hash to.
        wheels: SHA-256 of each wheel by file name.

    Raises:
        HostFailure: if something arrived damaged, or would land outside the release.
    """
    layout.wheels.mkdir(parents=True, exist_ok=True)
    with tarfile.open(bundle) as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isreg() and member.name == CODE:
                received = code.with_name(".received")
                _receive(archive, member, received, code_sha256)
                _unpack_code(received, code)
                received.unlink()
            elif member.isreg():
                # Beside its final place, for /srv and /var may be two file systems. The
                # wheelhouse is shared, and each app's calls come one at a time.
                received = layout.wheels / f".{layout.app}.new"
                _receive(archive, member, received, wheels.get(name, ""))
                received.rename(layout.wheels / name)


def check_wheels(layout: Layout, wheels: Mapping[str, str]) -> None:
    """Make sure that the wheelhouse holds these wheels.

    Raises:
        HostFailure: if one is missing or damaged. A damaged one is removed, so that
            the next deploy ships it again.
    """
    for name, wanted in sorted(wheels.items()):
        path = layout.wheels / name
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
    stream = archive.extractfile(member)
    with received.open("wb") as file:
        if stream is not None:
            shutil.copyfileobj(stream, file)
        file.flush()
        # What has a name in the wheelhouse counts as there, also after a power cut.
        os.fsync(file.fileno())
    found = _sha256(received)
    if found != wanted:
        received.unlink()
        raise HostFailure(
            f"{member.name} arrived damaged: SHA-256 {found[:12]}, not {wanted[:12] or 'known'}",
            "deploy again; if it happens twice, remove .turnout/artifacts and build anew",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack_code(archive: Path, target: Path) -> None:
    """Unpack plain files, folders and links that stay inside; nothing else is accepted."""
    root, links = target.resolve(), []
    with tarfile.open(archive) as code:
        for member in code:
            path = _within(root, root / member.name, member.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif member.issym():
                _within(root, path.parent / member.linkname, member.name)
                path.symlink_to(member.linkname)
                links.append(path)
            elif member.isreg():
                _write(code, member, path)
            else:
                raise HostFailure(
                    f"the archive holds {member.name}, which is no file, folder or link",
                    "remove it from the app's source",
                )
    # Once more: where a link leads may depend on one that came after it.
    for link in links:
        _within(root, link, link.name)


def _write(code: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    stream = code.extractfile(member)
    with path.open("wb") as file:
        if stream is not None:
            shutil.copyfileobj(stream, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    os.utime(path, (member.mtime, member.mtime))


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
