"""The code as one archive: the same files give the same bytes, on any machine, at any time."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import stat
import tarfile
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath

from .errors import BuildError
from .files import file_digest

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """One file or link of the code.

    Args:
        path: relative to the code's root, with slashes.
        mode: 0o644 or 0o755: what the umask of whoever checked it out left is no part of it.
        sha256: of the content; empty for a link.
        size: bytes.
        link: where a link points; empty for a file.
        made: where the content is, of a file that the build made and the source does not have.
    """

    path: str
    mode: int
    sha256: str
    size: int
    link: str = ""
    made: Path | None = None

    def as_manifest(self) -> dict[str, object]:
        """Return what the manifest says about it."""
        if self.link:
            return {"link": self.link}
        return {"sha256": self.sha256, "size": self.size, "mode": f"{self.mode:04o}"}


def read_entries(root: Path, files: tuple[str, ...]) -> list[Entry]:
    """Read every file once and return what it is.

    Raises:
        BuildError: for a link that leads out of the code, or something that is no file.
    """
    return [_read(root, path) for path in files]


def _read(root: Path, path: str) -> Entry:
    file = root / path
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        link = str(file.readlink())
        _check_link(path, link)
        return Entry(path, 0o777, "", 0, link)
    if not stat.S_ISREG(status.st_mode):
        raise BuildError(
            "The code cannot be packed",
            f"{path} is neither a file nor a link",
            "remove it from the app's source, or let git ignore it",
        )
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    return Entry(path, mode, file_digest(file), status.st_size)


def _check_link(path: str, link: str) -> None:
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if link.startswith("/") or reached.split("/")[0] == "..":
        raise BuildError(
            "The code cannot be packed",
            f"the link {path} leads to {link}, out of the app's source",
            "replace it by what it points at; a folder that outlives releases belongs into "
            "app_writable_dirs",
        )


def write_archive(root: Path, entries: list[Entry], time: int, target: Path) -> None:
    """Write the archive: sorted, no owners, one time for all, no name or time of its own.

    Args:
        time: of every member, in seconds since the epoch.

    Raises:
        BuildError: a file has changed since it was read.
    """
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed,
        tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
    ):
        for folder in _folders(entries):
            archive.addfile(_member(folder, time, 0o755, tarfile.DIRTYPE))
        for entry in entries:
            _add(archive, root, entry, time)


def _folders(entries: list[Entry]) -> list[str]:
    parents = (PurePosixPath(entry.path).parents for entry in entries)
    return sorted({str(parent) for chain in parents for parent in chain} - {"."})


def _member(path: str, time: int, mode: int, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mtime, member.mode, member.type = time, mode, kind
    return member


def _add(archive: tarfile.TarFile, root: Path, entry: Entry, time: int) -> None:
    if entry.link:
        member = _member(entry.path, time, entry.mode, tarfile.SYMTYPE)
        member.linkname = entry.link
        archive.addfile(member)
        return
    member = _member(entry.path, time, entry.mode, tarfile.REGTYPE)
    member.size = entry.size
    with (entry.made or root / entry.path).open("rb") as file:
        _refuse_change(entry, file)
        archive.addfile(member, file)


def _refuse_change(entry: Entry, file: BufferedReader) -> None:
    if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
        raise changed(entry.path)
    file.seek(0)


def changed(path: str) -> BuildError:
    """Return the failure of a build beside which somebody goes on writing."""
    return BuildError(
        "The code changed while it was built",
        f"{path} is not what it was a moment ago",
        "build again when nothing writes to the app's source",
    )
