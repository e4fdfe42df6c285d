"""The app's source: which files are it, from which commit, and whether that is the whole truth."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import git
from .errors import BuildError

_NEVER_FOLDERS = frozenset(
    {".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox"}
    | {".turnout", ".venv", "__pycache__", "node_modules"}
)
# `.env` holds secrets of development; `pyvenv.cfg` marks a virtual environment by any name.
_NEVER_FILES = frozenset({".DS_Store", ".env"})
_NAMED_CHANGES = 5


@dataclass(frozen=True)
class Source:
    """The files of an app and where they come from.

    Args:
        root: the folder.
        files: files and links relative to it, sorted.
        time: seconds since the epoch; the time that every shipped file gets.
        commit: full id, or None without git.
        dirty: the files differ from the commit.
    """

    root: Path
    files: tuple[str, ...]
    time: int
    commit: str | None
    dirty: bool

    @property
    def label(self) -> str:
        """The part of the artifact's name that says which commit this is."""
        if self.commit is None:
            return "nogit"
        return self.commit[:7] + (".dirty" if self.dirty else "")


def read_source(folder: Path, *, allow_dirty: bool) -> Source:
    """Look at a folder with code.

    Raises:
        BuildError: it differs from its commit and that is not allowed, or it is empty.
    """
    root = folder.resolve()
    known = git.checkout(root)
    source = _from_folder(root) if known is None else _from_git(root, known, allow_dirty)
    if not source.files:
        raise BuildError(
            "The app has no code",
            f"there is no file in {folder}",
            "point app_source at the folder with the code",
        )
    return source


def scan(root: Path) -> tuple[str, ...]:
    """Return every file and link below a folder that could be part of an app, sorted."""
    found: list[str] = []
    for folder, names, files in os.walk(root):
        here = Path(folder)
        links = [name for name in names if (here / name).is_symlink()]
        names[:] = sorted(name for name in names if name not in links and _wanted(here / name))
        kept = [name for name in (*files, *links) if shippable(name)]
        found += [(here / name).relative_to(root).as_posix() for name in kept]
    return tuple(sorted(found))


def shippable(path: str) -> bool:
    """Say whether an untracked file may be shipped: no caches, no development secrets."""
    *folders, name = path.split("/")
    return (
        name not in _NEVER_FILES
        and not name.endswith(".pyc")
        and not _NEVER_FOLDERS.intersection(folders)
    )


def _wanted(folder: Path) -> bool:
    return folder.name not in _NEVER_FOLDERS and not (folder / "pyvenv.cfg").exists()


def _from_folder(root: Path) -> Source:
    files = scan(root)
    return Source(root, files, _newest(root / name for name in files), None, False)


def _from_git(root: Path, known: git.Checkout, allow_dirty: bool) -> Source:
    changed = tuple(line for line in known.changed if line[:2] != "??" or shippable(line[3:]))
    if known.commit is None:
        changed = changed or ("A  everything: there is no commit yet",)
    if not changed:
        return Source(root, tuple(sorted(known.tracked)), known.commit_time, known.commit, False)
    if not allow_dirty:
        raise _dirty(root, changed)
    untracked = (path for path in known.untracked if shippable(path))
    files = sorted({*known.tracked, *untracked})
    present = tuple(name for name in files if os.path.lexists(root / name))
    newest = _newest(known.top / line[3:] for line in changed) or known.commit_time
    return Source(root, present, newest, known.commit, True)


def _newest(paths: Iterable[Path]) -> int:
    """Return the newest time of the files that are there, in whole seconds; 0 without any."""
    return max((int(path.lstat().st_mtime) for path in paths if os.path.lexists(path)), default=0)


def _dirty(root: Path, changed: tuple[str, ...]) -> BuildError:
    named = ", ".join(line.strip() for line in changed[:_NAMED_CHANGES])
    more = f" and {len(changed) - _NAMED_CHANGES} more" if len(changed) > _NAMED_CHANGES else ""
    return BuildError(
        f"The code in {root} is not what is committed",
        f"git status names {named}{more}",
        "commit or stash it, or build it as it is with --dirty (app_allow_dirty: true); "
        "the name of the release will then say so",
        "\n".join(changed),
    )
