"""Changes to the file system that are there wholly or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable (fsync(2) of the folder)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Make ``path`` hold ``content``; say whether that changed anything.

    A reader sees the old content or the new one, never a part. A link is replaced by the file.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content and path.lstat().st_mode == stat.S_IFREG | mode:
            return False
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    # The mode is set at creation, so that a secret is never readable for an instant.
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.rename(path)
    sync_folder(path.parent)
    return True


def remove_file(path: Path) -> None:
    """Remove a file durably, if it is there."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def append_line(path: Path, line: str, mode: int = 0o644) -> None:
    """Append one line durably; a line torn by an earlier kill is closed first."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode)
    with os.fdopen(handle, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def replace_link(link: Path, target: str) -> bool:
    """Point ``link`` at ``target`` in one rename(2); say whether that changed anything.

    ``ln -sfn`` is two system calls with an instant without a link in between.
    """
    if link.is_symlink() and str(link.readlink()) == target:
        return False
    staged = link.with_name(f".{link.name}.new")
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    sync_folder(link.parent)
    staged.rename(link)
    sync_folder(link.parent)
    return True


def remove_tree(path: Path) -> None:
    """Remove a folder so that nobody sees half of it under its own name."""
    import shutil  # with its archive formats: most calls remove nothing

    doomed = path.with_name(f".{path.name}.gone")
    # First of all and always: a removal that was killed has left it there.
    shutil.rmtree(doomed, ignore_errors=True)
    if path.exists():
        path.rename(doomed)
        shutil.rmtree(doomed)


def remove_leftovers(folder: Path) -> None:
    """Remove the folders that killed calls left in ``folder``; their names begin with a dot."""
    import shutil

    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
