"""Deploys one after another on a fleet under load: nothing may be lost, and each receipt be true.

    ./inv soak --deploys 50

An independent load generator asks every host all the time. What it has seen of a switch and what
the hosts' own receipts say of it must be the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.lab.fleet import PROGRAM, Fleet, fresh
from tests.lab.load import Load
from tests.lab.load_report import last_old_answer, report
from tests.lab.site import Host

NAME = "soak"
# Old answers come over connections that nginx has kept, for half a second at most, and whose
# request gets one of these is chance; another half for a machine whose cores are all busy.
AGREE_SECONDS = 1.0
# After a switch both go on for so long, so that they have seen the end of the old answers.
AFTER_SECONDS = 1.5


@dataclass(frozen=True)
class Seen:
    """One switch of one host: what its receipt says, and what the load generator has seen."""

    host: str
    deploy: int
    receipt: dict[str, Any]
    last_old_seconds: float

    @property
    def difference(self) -> float:
        """By how much the two differ on the last old answer, in seconds."""
        told = self.receipt["last_old_answer_ms"]
        return abs((0.0 if told is None else told / 1000) - self.last_old_seconds)


def seen(fleet: Fleet, host: Host, load: Load, number: int, release: str) -> Seen:
    """Return what both have seen of the deploy that is live now."""
    switched = float(host.run(f"stat --format=%.6Z /srv/{fleet.name}/live").stdout)
    requests = [one for one in load.requests if one.sent > switched - 1]
    said = json.loads(host.run(f"{PROGRAM} receipt --app {fleet.name}").stdout)
    kept = {key: said[key] for key in KEPT}
    late = last_old_answer(requests, switched, release)
    return Seen(host.vm.name, number, kept, round(late, 3))


KEPT = ("requests", "failed", "switch_ms", "last_old_answer_ms", "longest_gap_ms", "release")


def deploys(fleet: Fleet, count: int) -> tuple[list[Seen], list[dict[str, Any]]]:
    """Deploy so often under load; return what was seen of each switch, and each load's report."""
    found: list[Seen] = []
    reports = []
    for number in range(1, count + 1):
        with fleet.watched() as loads:
            release = fleet.deploy(f"{number}")
            time.sleep(AFTER_SECONDS)
            found += [seen(fleet, h, loads[h.vm.name], number, release) for h in fleet.hosts]
        reports += [report(load.requests) for load in loads.values()]
        worst = [f"{one.difference:.2f}" for one in found[-len(fleet.hosts) :]]
        failed = sum(one["failed"] for one in reports)
        print(
            f"{number:>4}/{count}  {release}: {failed} failed so far; "
            f"receipts differ by {', '.join(worst)} s",
            flush=True,
        )
    return found, reports


def verdict(found: list[Seen], reports: list[dict[str, Any]]) -> tuple[str, bool]:
    """Return the run in words, and whether all of it held."""
    asked, failed = (sum(one[key] for one in reports) for key in ("requests", "failed"))
    told_asked, told_failed = (
        sum(one.receipt[key] for one in found) for key in ("requests", "failed")
    )
    differ = max(one.difference for one in found)
    switches = sorted(one.receipt["switch_ms"] for one in found)
    latest = max(one.last_old_seconds for one in found)
    count, hosts = max(one.deploy for one in found), len({one.host for one in found})
    words = (
        f"{count} deploys of {hosts} hosts: {asked} requests, {failed} failed; "
        f"receipts: {told_asked} requests, {told_failed} failed; last old answer "
        f"{latest:.2f} s after a switch at most, receipts differ by {differ:.2f} s at most; "
        f"switch {statistics.median(switches):.1f} ms (median), {switches[-1]:.1f} ms at most"
    )
    return words, failed == told_failed == 0 and differ <= AGREE_SECONDS


def main() -> int:
    """Deploy, and exit with 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deploys", type=int, default=50, help="how many")
    parser.add_argument("--hosts", type=int, default=3, help="VMs of the fleet")
    arguments = parser.parse_args()
    with fresh(NAME, arguments.hosts) as fleet:
        words, held = verdict(*deploys(fleet, arguments.deploys))
    print(words)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
