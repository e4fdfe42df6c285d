"""What nginx's access log says of each slot: requests, failures, and how long an answer took."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from .judge import Sample
from .layout import SLOTS

Line = dict[str, Any]

# nginx writes a line a second after its request at most; with as much again for a busy disk.
FLUSH_SECONDS = 1.2
# Lines come in the order of time but for that second, and the log's times have no fractions.
OUT_OF_ORDER_SECONDS = 3.0
WORST_LINES = 8
_SEPARATOR = re.compile(" : |, ?")
LOOPBACK = ("127.0.0.1", "::1")


@dataclass
class Tally:
    """Counts one slot's requests; times in milliseconds, as nginx measures them."""

    requests: int = 0
    failed: int = 0
    milliseconds: Counter[int] = field(default_factory=Counter)
    failures: deque[str] = field(default_factory=lambda: deque(maxlen=WORST_LINES))
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Count a request."""
        self.requests += 1
        seconds = _seconds(line)
        self.milliseconds[round(seconds * 1000)] += 1
        if int(line["status"]) >= 500:
            self.failed += 1
            self.failures.append(_describe(line))
        if len(self.slowest) < WORST_LINES or seconds > self.slowest[0][0]:
            self.slowest = sorted([*self.slowest, (seconds, _describe(line))])[-WORST_LINES:]

    def sample(self, restarts: int = 0) -> Sample:
        """Return the figures so far."""
        return Sample(self.requests, self.failed, self._p95() / 1000, restarts)

    def evidence(self) -> str:
        """Return the slowest requests and, as the last words, the latest failures."""
        slow = [told for _, told in reversed(self.slowest)]
        parts = (("Slowest", slow), ("Failed last", list(self.failures)))
        return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in parts if lines)

    def _p95(self) -> int:
        passed, wanted = 0, 0.95 * self.requests
        for milliseconds in sorted(self.milliseconds):
            passed += self.milliseconds[milliseconds]
            if passed >= wanted:
                return milliseconds
        return 0


class Log:
    """The access log from some time on, read piece by piece while it grows and is rotated.

    Args:
        path: of the log.
        since: Unix time; what ended before that is passed over.
    """

    def __init__(self, path: Path, since: float) -> None:
        self._path, self._rotated = path, path.with_name(f"{path.name}.1")
        self._since = int(since)
        # How far each file was read, by what a rotation leaves it: its inode.
        self._offsets: dict[int, int] = {}
        for file in (self._rotated, self._path):
            if file.exists():
                with file.open("rb") as stream:
                    offset = offset_of(stream, self._since - OUT_OF_ORDER_SECONDS)
                self._offsets[file.stat().st_ino] = offset

    def new_lines(self) -> Iterator[Line]:
        """Return the requests that ended since the last call, as far as nginx has written them."""
        # nginx goes on for a moment in the file that was rotated.
        for file in (self._rotated, self._path):
            known = file.exists() and file.stat().st_ino in self._offsets
            if known or (file == self._path and file.exists()):
                yield from self._lines(file)
        # What comes now was written after that, whatever is done to the clock.
        self._since = 0

    def _lines(self, file: Path) -> Iterator[Line]:
        with file.open("rb") as stream:
            inode, size = os.fstat(stream.fileno()).st_ino, _size(stream)
            offset = self._offsets.get(inode, 0)
            # Shorter than it was: it has been emptied in its place.
            stream.seek(offset if offset <= size else 0)
            self._offsets[inode] = stream.tell()
            for text in iter(stream.readline, b""):
                if not text.endswith(b"\n"):  # nginx is still at it
                    break
                self._offsets[inode] = stream.tell()
                line = parse(text)
                if line and line["unix"] >= self._since:
                    yield line


def parse(text: bytes) -> Line | None:
    """Return a request that the app was asked for, with its end in ``unix``; None for all else.

    The host program's own requests are no visitor's.
    """
    try:
        line = json.loads(text)
        line["unix"] = datetime.fromisoformat(line["time"]).timestamp()
        line["status"] = int(line["status"])
    except (ValueError, KeyError, TypeError):
        return None
    asked = line.get("release") or line.get("lane")
    return line if asked and not _is_own(line) else None


def _is_own(line: Line) -> bool:
    # Whoever calls itself so from elsewhere is a visitor.
    return str(line.get("agent")).startswith("turnout-") and line.get("client") in LOOPBACK


def tries(line: Line) -> Iterator[Line]:
    """Return a request as often as a lane was asked for it; the last one is the request itself.

    Where a lane's connection ends before an answer, as that of a worker that crashes, nginx asks
    another lane, if nothing can be done twice by that. The visitor is served, and the first has
    failed.
    """
    if "," not in str(line.get("lane", "")):  # nearly always
        yield line
        return
    asked = (_words(line, key) for key in ("lane", "upstream_status", "header_seconds"))
    for lane, status, seconds in list(zip_longest(*asked, fillvalue=""))[:-1]:
        if status.isdecimal() and int(status) >= 500:
            failed = {"lane": lane, "status": int(status), "header_seconds": seconds}
            yield {**line, "release": "", **failed}
    yield line


def _words(line: Line, key: str) -> list[str]:
    # nginx separates lanes by commas, and what it was sent on to by the app by colons.
    return _SEPARATOR.split(str(line.get(key, "")))


def slot_of(line: Line, lanes: dict[str, str]) -> str | None:
    """Return the slot that a request went to.

    Args:
        lanes: which slot had each lane then, for an answer that does not name its slot: that of
            another worker class, and that of nginx itself where nobody answered.
    """
    named = str(line.get("release", "")).partition("/")[0]
    if named in SLOTS:
        return named
    # Where a second lane was tried, the last one counts.
    return lanes.get(Path(_words(line, "lane")[-1]).stem)


def offset_of(stream: BinaryIO, since: float) -> int:
    """Return where in a log the requests begin that ended at ``since`` or later."""
    low, high = 0, _size(stream)
    while low < high:
        middle = (low + high) // 2
        stream.seek(middle)
        if middle:
            stream.readline()  # the rest of a line
        line, unix = stream.readline(), None
        while line and (unix := _unix(line)) is None:
            line = stream.readline()
        if unix is None or unix >= since:
            high = middle
        else:
            low = middle + 1
    stream.seek(low)
    if low:
        stream.readline()
    return stream.tell()


def _unix(text: bytes) -> float | None:
    try:
        return datetime.fromisoformat(json.loads(text)["time"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None


def _seconds(line: Line) -> float:
    """Return how long the answer took to begin: a slow visitor and a stream are nobody's fault."""
    for key in ("header_seconds", "seconds"):
        # Several where a second lane was tried; `-` where nobody answered.
        with contextlib.suppress(ValueError):
            return float(_words(line, key)[-1])
    return 0.0


def _describe(line: Line) -> str:
    # nginx logs no query, so nothing secret is in here.
    return (
        f"{line['time']} {line.get('method')} {line.get('uri')} {line['status']} "
        f"{_seconds(line):.3f} s {line.get('release') or line.get('lane')}"
    )


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, 2)
