"""Watch a slot while it takes traffic: it passes, or there is an objection with its evidence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from . import access_log, hiding, judge, releases, splits, switch
from .access_log import Log, Tally
from .errors import HostFailure
from .judge import Limits, Sample
from .layout import LANES, SLOTS, Layout, other_slot
from .units import Slots

LOOK_SECONDS = 1.0


class Objection(HostFailure):
    """The release does worse than it may."""


@dataclass
class Watched:
    """What is looked at: a slot, and the one it is compared with.

    Args:
        slot: the one that runs the new release.
        seconds: how long it is watched.
    """

    layout: Layout
    slots: Slots
    slot: str
    seconds: float

    def __post_init__(self) -> None:
        split = splits.live(self.layout)
        self._lanes = splits.by_lane(self.layout, split)
        self._is_canary = splits.lanes(self.layout, split)[self.slot] < LANES
        # The clock may have been set back since.
        switched = min(self.layout.live.lstat().st_mtime, time.time())
        # A canary may have had its share for hours: they are not read again.
        self._log = Log(self.layout.access_log, max(switched, time.time() - self.seconds))
        self._tallies = {slot: Tally() for slot in SLOTS}
        self._before = Tally() if self._is_canary else self._count_before(switched)
        self._pid = self.slots.state(self.slot).main_pid
        self._restarts = 0

    def _count_before(self, switched: float) -> Tally:
        """Count what the other slot did right before the switch, over as long a time."""
        tally, made_live = Tally(), switch.moves(self.layout)
        lanes = splits.by_lane(self.layout, made_live[-2] if made_live else None)
        for line in Log(self.layout.access_log, switched - self.seconds).new_lines():
            if line["unix"] >= int(switched):
                break
            for tried in access_log.tries(line):
                if access_log.slot_of(tried, lanes) == other_slot(self.slot):
                    tally.add(tried)
        return tally

    def look(self) -> None:
        """Count what has come to pass since the last look."""
        for line in self._log.new_lines():
            for tried in access_log.tries(line):
                slot = access_log.slot_of(tried, self._lanes)
                if slot:
                    self._tallies[slot].add(tried)
        if self.slots.state(self.slot).main_pid != self._pid:
            self._restarts += 1

    @property
    def candidate(self) -> Sample:
        return self._tallies[self.slot].sample(self._restarts)

    @property
    def baseline(self) -> Sample:
        """In a canary the live slot at the same time, else the one before, before the switch."""
        beside = self._tallies[other_slot(self.slot)]
        return (beside if self._is_canary else self._before).sample()

    def evidence(self) -> str:
        """Return the app's last words without its secrets, then the requests that went worst."""
        hide = hiding.hider(self.layout, releases.in_slot(self.layout, self.slot))
        log = f"Log:\n{hide(self.slots.log(self.slot, lines=20))}"
        return "\n\n".join(filter(None, (log, self._tallies[self.slot].evidence())))


def bake(watched: Watched, limits: Limits, go_on: Callable[[], None]) -> str:
    """Watch a slot for its time, and say how it did.

    Args:
        watched: which slot, and for how long.
        limits: what it may do worse.
        go_on: is called with every look, and raises where the deploy has been ended meanwhile.

    Raises:
        Objection: at once on a restart or on failures, at the end also on latency.
    """
    deadline = time.monotonic() + watched.seconds
    is_over = False
    while not is_over:
        time.sleep(max(0.0, min(LOOK_SECONDS, deadline - time.monotonic())))
        is_over = time.monotonic() >= deadline
        if is_over:
            time.sleep(access_log.FLUSH_SECONDS)
        go_on()
        watched.look()
        judged = judge.objection if is_over else judge.failing
        why = judged(watched.candidate, watched.baseline, limits)
        if why:
            raise _objection(watched, why)
    return judge.verdict(watched.candidate, watched.baseline, limits)


def _objection(watched: Watched, why: str) -> Objection:
    return Objection(
        f"the release does worse than it may: {why}",
        "read the requests and the app's log, mend the app, and deploy again; what a release may "
        "do worse is set by app_bake_errors, app_bake_latency and app_bake_requests",
        watched.evidence(),
    )
