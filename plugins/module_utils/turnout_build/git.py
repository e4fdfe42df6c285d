"""What git knows about a folder: its commit, what differs from it, and which files it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import tools
from .errors import BuildError


@dataclass(frozen=True)
class _Listed:
    """A line of ``ls-files -v --stage``: git's flag for a file, its mode, its path."""

    flag: str
    mode: str
    path: str

    @property
    def is_passed_over(self) -> bool:
        return self.flag == "S" or self.flag.islower()  # skip-worktree, assume-unchanged

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"


@dataclass(frozen=True)
class Checkout:
    """A folder that git knows.

    Args:
        commit: the full id of HEAD, or None before the first commit.
        commit_time: of HEAD, in seconds since the epoch.
        changed: what differs from HEAD below the folder, as ``XY path`` from the top.
        top: the folder the paths in ``changed`` start from.
        tracked: files below the folder, relative to it.
        untracked: files below the folder that git neither tracks nor ignores.
    """

    commit: str | None
    commit_time: int
    changed: tuple[str, ...]
    top: Path
    tracked: tuple[str, ...]
    untracked: tuple[str, ...]


def checkout(folder: Path) -> Checkout | None:
    """Return what git knows about a folder, or None when it is not the folder's keeper.

    Raises:
        BuildError: git refuses to answer (a foreign owner, a broken repository).
    """
    top = _top(folder)
    if top is None:
        return None
    # A `.gitmodules` may ask for changes in submodules to be passed over.
    words = ("--no-renames", "--ignore-submodules=none", "-uall", "--", ".")
    changed = _fields(_git(folder, "status", "--porcelain", "-z", *words))
    listed = _listed(folder)
    changed += _looked_away(listed, folder.resolve().relative_to(top.resolve()))
    tracked = tuple(file.path for file in listed)
    if any(file.is_submodule for file in listed):
        _check_submodules(folder, listed)
        tracked = _fields(_git(folder, "ls-files", "-z", "--recurse-submodules"))
    untracked: tuple[str, ...] = ()
    if any(line.startswith("??") for line in changed):
        untracked = _fields(_git(folder, "ls-files", "-z", "--others", "--exclude-standard"))
    if not tracked and not untracked:
        # An ignored folder inside somebody else's repository.
        return None
    commit, seconds = _head(folder)
    return Checkout(commit, seconds, changed, top, tracked, untracked)


def _listed(folder: Path) -> list[_Listed]:
    listed = []
    for line in _fields(_git(folder, "ls-files", "-z", "-v", "--stage")):
        facts, _, path = line.partition("\t")
        flag, mode, *_ = facts.split(" ")
        listed.append(_Listed(flag, mode, path))
    return listed


def _looked_away(listed: list[_Listed], below: Path) -> tuple[str, ...]:
    """Return, as status would, the files whose changes git was told not to look at."""
    return tuple(f"{file.flag}  {below / file.path}" for file in listed if file.is_passed_over)


def _check_submodules(folder: Path, listed: list[_Listed]) -> None:
    """Refuse a folder of which a submodule is not here: git would leave it out unsaid.

    Raises:
        BuildError: naming it.
    """
    for file in listed:
        if file.is_submodule and not (folder / file.path / ".git").exists():
            raise BuildError(
                "A part of the app's code is missing",
                f"{file.path} is a submodule, and nothing of it is here",
                "git submodule update --init --recursive",
            )


def _top(folder: Path) -> Path | None:
    try:
        found = tools.run(["git", "rev-parse", "--show-toplevel"], cwd=folder)
    except FileNotFoundError:
        _refuse_without_git(folder)
        return None
    if found.code == 0:
        return Path(found.output.rstrip("\n"))
    if "not a git repository" in found.errors:
        return None
    raise _refused(folder, found.errors)


def _refuse_without_git(folder: Path) -> None:
    if any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        raise BuildError(
            "The app's code cannot be identified",
            f"{folder} is in a git repository and the program git is missing",
            "install git",
        )


def _head(folder: Path) -> tuple[str | None, int]:
    words = ["git", "log", "-1", "--no-show-signature", "--format=%H %ct"]
    head = tools.run(words, cwd=folder)
    if head.code:
        return None, 0
    commit, seconds = head.output.split()
    return commit, int(seconds)


def _git(folder: Path, *arguments: str) -> str:
    done = tools.run(["git", *arguments], cwd=folder)
    if done.code:
        raise _refused(folder, done.errors)
    return done.output


def _refused(folder: Path, said: str) -> BuildError:
    return BuildError(
        "The app's code cannot be identified",
        f"git in {folder} says: {said.strip()}",
        "mend what git complains about; a build must know its commit",
        said,
    )


def _fields(output: str) -> tuple[str, ...]:
    return tuple(field for field in output.split("\0") if field)
