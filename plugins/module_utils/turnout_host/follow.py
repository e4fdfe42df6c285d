"""Where a deploy is, as its probe sees it from outside: by the journal, the history and the link.

Nothing tells the probe anything, so nothing has to live for it to know: who deploys may be killed
at any instant, and the host may go back by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import journal, lease, releases, settle
from .layout import Layout
from .recording import Recording, marks_of

# At full rate until so long after traffic moved, then once a second.
FULL_RATE_SECONDS = 10.0
AFTER_SETTLE_SECONDS = 3.0
# Of a deploy that never ends, and of a slot that does not stop when it should.
LONGEST_DEPLOY_SECONDS = 3600.0
LATE_SECONDS = 120.0
LOOK_SECONDS = 1.0

# What says in the journal that a canary is left, or is not any more.
PARKING = {"park": True, "taken": False}

Note = Callable[[dict[str, Any]], None]


class Follower:
    """Follows one deploy.

    Args:
        layout: whose.
        recording: its head says which deploy it is.
        note: is given each mark.
        clock: returns seconds that only go on: who sets the wall clock prolongs nothing.
    """

    def __init__(
        self,
        layout: Layout,
        recording: Recording,
        note: Note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.layout, self.head, self._note, self._clock = layout, recording.head, note, clock
        self.live: str | None = None
        self._started = self._moved_at = clock()
        self._looked = clock() - LOOK_SECONDS
        self._link: tuple[int, str] | None = None
        self._seen: dict[Path, tuple[int, int]] = {}
        self._marks = len(recording.marks)
        self._target: str | None = None
        self._ended: dict[str, Any] | None = None
        self._ended_at = self._settled_at = 0.0
        self._is_overtaken = self._is_parked = False
        known = settle.settings(layout)
        self._settle_seconds = LATE_SECONDS + sum(
            float(known.get(key, 0)) for key in ("warm_seconds", "drain_seconds")
        )

    @property
    def rate(self) -> float:
        """How many requests a second are wanted now."""
        wanted = float(self.head["rate"])
        if self._is_parked:
            return min(wanted, 1.0)
        if self._target is None or self._clock() < self._moved_at + FULL_RATE_SECONDS:
            return wanted
        return min(wanted, 1.0)

    @property
    def is_over(self) -> bool:
        """Say whether there is nothing left to see."""
        now = self._clock()
        if self._is_overtaken or not self._ended:
            is_late = now > self._started + LONGEST_DEPLOY_SECONDS
            return self._is_overtaken or (is_late and not self._is_parked and not self._is_led())
        if self._settled_at:
            return now > max(
                self._settled_at + AFTER_SETTLE_SECONDS, self._moved_at + FULL_RATE_SECONDS
            )
        longest = self._settle_seconds if self._settles else 0.0
        return now >= max(self._ended_at + longest, self._moved_at + FULL_RATE_SECONDS)

    def _is_led(self) -> bool:
        """Say whether somebody still conducts the deploy: it may bake for hours."""
        held = lease.read(self.layout)
        return held is not None and not held.is_over

    @property
    def _settles(self) -> bool:
        """Say whether the slot that was live before is about to stop."""
        committed = self._ended is not None and self._ended["outcome"] == "live"
        return bool(committed and self._target and self.head["slot"] and not self._settled_at)

    def look(self) -> None:
        """Note what has happened since the last look."""
        if self._has_changed(self.layout.journal):
            self._read_journal()
        if not self._is_overtaken:
            self._follow_link()
        if self._clock() >= self._looked + LOOK_SECONDS:
            self._looked = self._clock()
            self._look_for_the_end()

    def _read_journal(self) -> None:
        entries = journal.read_lines(self.layout.journal)
        if not entries:  # the next deploy is about to begin
            return
        if entries[0]["time"] != self.head["began"]:
            self._is_overtaken = True
            return
        marks = marks_of(entries)
        for mark in marks[self._marks :]:
            self._note(mark)
            if mark["mark"] == "moved":
                self._target, self._moved_at = f"splits/{mark['to']}", self._clock()
            elif mark["mark"] in PARKING:
                # A canary may be left for hours; whoever goes on with it begins anew.
                self._is_parked, self._started = PARKING[mark["mark"]], self._clock()
        self._marks = len(marks)

    def _follow_link(self) -> None:
        link = self._read_link()
        if link == self._link:
            return
        before, self._link = self._link, link
        self.live = releases.live(self.layout)
        if self._target and before and before[1] == self._target:
            self._moved_at = self._clock()
            self._note({"mark": "back", "time": link[0] / 1e9 if link else time.time()})

    def _read_link(self) -> tuple[int, str] | None:
        try:
            target = str(self.layout.live.readlink())
            return self.layout.live.lstat().st_ctime_ns, target
        except OSError:
            return None

    def _look_for_the_end(self) -> None:
        if self._has_changed(self.layout.history):
            self._ended = journal.ended(self.layout, self.head["began"])
            self._ended_at = self._clock()
        # systemd removes a slot's runtime folder when it has stopped.
        if self._settles and not self.layout.runtime(self.head["slot"]).exists():
            self._settled_at = self._clock()
            self._note({"mark": "settled", "time": time.time()})

    def _has_changed(self, file: Path) -> bool:
        try:
            found = file.stat()
        except OSError:
            return False
        before, now = self._seen.get(file), (found.st_mtime_ns, found.st_size)
        self._seen[file] = now
        return now != before
