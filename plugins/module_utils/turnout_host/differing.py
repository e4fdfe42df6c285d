"""Differences between what was sealed and what is there, as a person is told them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import bytecode
from .seal import Entries, Facts, Seal

# What is said of a path; other words say it themselves.
WORDS = {"mode": "has another mode", "owner": "has another owner", "link": "leads elsewhere"}


class Difference(NamedTuple):
    """One thing that is not as it was shipped.

    Args:
        path: where.
        what: changed, missing, added, mode, owner or link (it leads elsewhere).
        kind: of the path: file, env, config, unit, site, link, package or seal.
        since: when it was changed, in UTC, as far as the file system tells; of a missing path when
            its folder was last changed.
    """

    path: str
    what: str
    kind: str
    since: str

    @classmethod
    def of(cls, path: Path, what: str, kind: str, sealed_at: float = 0) -> Difference:
        """Return the difference of a path with its time."""
        return cls(str(path), what, kind, _since(path, what, sealed_at))

    @classmethod
    def missing(cls, path: Path, kind: str) -> Difference:
        return cls.of(path, "missing", kind)

    @classmethod
    def added(cls, path: Path, kind: str) -> Difference:
        return cls.of(path, "added", kind)

    @classmethod
    def changed(cls, path: Path, kind: str) -> Difference:
        return cls.of(path, "changed", kind)

    def describe(self) -> str:
        """Return the difference as a line."""
        since = f", since {self.since}" if self.since else ""
        return f"{self.path}: {self.kind} {WORDS.get(self.what, self.what)}{since}"

    def as_result(self) -> dict[str, str]:
        return self._asdict()


def _since(path: Path, what: str, sealed_at: float) -> str:
    try:
        found = (path.parent if what == "missing" else path).lstat()
    except OSError:
        return ""
    # A copy may bring an old time of its content along; when it came here it does not.
    told = found.st_mtime if found.st_mtime > sealed_at else found.st_ctime
    seconds = found.st_ctime if what in ("mode", "owner") else told
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def differences(
    folder: Path, sealed: Seal, found: Entries, kind: Callable[[str], str]
) -> Iterator[Difference]:
    """Yield what differs in a folder; of one that is new or gone only the folder itself.

    Args:
        kind: of a path, where it is no link.
    """
    told: set[str] = set()
    for path in sorted({*sealed.entries, *found}):
        before, now = sealed.entries.get(path), found.get(path)
        if before == now or any(str(parent) in told for parent in Path(path).parents):
            continue
        if bytecode.is_cached(path) and _is_only_cached(folder / path, now):
            continue
        is_link = "link" in {(before or {}).get("type"), (now or {}).get("type")}
        if (before or {}).get("type") != (now or {}).get("type"):
            told.add(path)
        for what in whats(before, now):
            named = kind(path)
            shown = "link" if is_link and named in ("file", "package") else named
            yield Difference.of(folder / path, what, shown, sealed.time)


def _is_only_cached(path: Path, now: Facts | None) -> bool:
    """Say whether nobody's hand is needed for bytecode to be as it is now."""
    if now is None or now["type"] == "folder":
        return True
    return now["type"] == "file" and bytecode.is_of_its_source(path)


def whats(before: Facts | None, now: Facts | None) -> list[str]:
    """Return in which ways a path is not what it was."""
    if before is None or now is None:
        return ["added" if before is None else "missing"]
    if before["type"] != now["type"] or "link" in (before["type"], now["type"]):
        return ["link" if "link" in (before["type"], now["type"]) else "changed"]
    names = {"digest": "changed", "mode": "mode", "owner": "owner"}
    return [what for fact, what in names.items() if before.get(fact) != now.get(fact)]
