"""Folders that the app may write, where its account could put a link in root's way."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath

from .errors import HostFailure

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def make(root: Path, path: str, owner: pwd.struct_passwd) -> None:
    """Make a folder and give it to the app, through no link but root's own.

    Args:
        root: the folder below which all belongs to the app; it is there.
        path: relative to it, and does not leave it.
        owner: the app's account.

    Raises:
        HostFailure: something else stands in the way.
    """
    here = os.open(root, _FOLDER | os.O_NOFOLLOW)
    try:
        for part in PurePosixPath(path).parts:
            with suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=here)
            inner = _entered(here, part, root / path)
            os.close(here)
            here = inner
        # Also where it was there: whoever made it may have been killed before this.
        if os.fstat(here).st_uid != owner.pw_uid:
            os.chown(here, owner.pw_uid, owner.pw_gid)
    finally:
        os.close(here)


def _entered(here: int, part: str, path: Path) -> int:
    """Return a folder below an open one, opened: the very one that was looked at."""
    entry = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
    try:
        facts = os.fstat(entry)
        if stat.S_ISLNK(facts.st_mode) and facts.st_uid == os.geteuid():
            return os.open(os.readlink("", dir_fd=entry), _FOLDER, dir_fd=here)
        return os.open(f"/proc/self/fd/{entry}", _FOLDER)
    except OSError as error:
        kind = "a link of the app's" if stat.S_ISLNK(facts.st_mode) else "no folder"
        raise HostFailure(
            f"{path} cannot be made: {part} is {kind} ({error.strerror})",
            "look what the app has put there, remove it, and deploy again",
        ) from None
    finally:
        os.close(entry)
