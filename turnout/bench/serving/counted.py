"""What was counted of the sites, as tables and ratios."""

from __future__ import annotations

from dataclasses import dataclass, field

from turnout.bench.figures import HIGHER, Figure, Ratio, Samples, ratio
from turnout.bench.report import Report
from turnout.bench.serving import sites, wrk

SECONDS = 5
TRIVIAL, REALISTIC = "trivial app", "sample app, page with database"
OURS = "Turnout, threads (the default)"
GTHREAD, SYNC, GEVENT = "Turnout, gthread", "Turnout, sync", "Turnout, gevent"
C_PARSER = "Turnout, threads, gunicorn_h1c locked"


@dataclass
class Counted:
    """What was counted of the sites of one app."""

    per_second: Samples = field(default_factory=Samples)
    median: Samples = field(default_factory=Samples)
    p99: Samples = field(default_factory=Samples)
    processor: Samples = field(default_factory=Samples)
    requests: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, outcome: wrk.Outcome) -> None:
        """Keep one run of the load."""
        self.per_second.add(name, outcome.per_second)
        self.median.add(name, outcome.median_ms)
        self.p99.add(name, outcome.p99_ms)
        self.processor.add(name, outcome.processor_us)
        self.requests[name] = self.requests.get(name, 0) + outcome.requests
        self.failed[name] = self.failed.get(name, 0) + outcome.failed

    def tables(self, app: str) -> dict[str, list[Figure]]:
        """Return the tables, by their titles."""
        return {
            f"{app}: requests a second": list(self.per_second.figures("1/s").values()),
            f"{app}: half of them within": list(self.median.figures("ms").values()),
            f"{app}: 99 % of them within": list(self.p99.figures("ms").values()),
            f"{app}: processor of nginx and app a request": list(
                self.processor.figures("µs").values()
            ),
        }


def report(
    counted: dict[str, Counted], runs: int, left_out: list[str], machine_line: str
) -> Report:
    """Return the tables and ratios of what was counted."""
    requests, failed = (
        sum(sum(getattr(one, what).values()) for one in counted.values())
        for what in ("requests", "failed")
    )
    broken = [
        f"{app}, {name}: {count} failed"
        for app, one in counted.items()
        for name, count in one.failed.items()
        if count
    ]
    return Report(
        suite="serving",
        command=f"./inv bench --serving --runs {runs}",
        tables={
            title: figures
            for app, one in counted.items()
            for title, figures in one.tables(app).items()
        },
        ratios=ratios(counted),
        notes=[
            f"wrk with {wrk.THREADS} threads and {wrk.CONNECTIONS} kept connections for "
            f"{SECONDS} s a run, inside the VM, which has the same cores as everything else.",
            f"{failed} of {requests:,} requests failed.",
            *broken,
            *left_out,
        ],
        machine=machine_line,
    )


def ratios(counted: dict[str, Counted]) -> list[Ratio]:
    """Return what is compared: ours with the others, worker classes, lanes."""
    found = []
    for app, goal, slowest_goal in ((TRIVIAL, 1.25, None), (REALISTIC, 1.0, 1.0)):
        speed, slowest = counted[app].per_second.figures(), counted[app].p99.figures()
        processor = counted[app].processor.figures()
        found += [
            _faster(f"{app}: ours / usual pair", speed, OURS, sites.USUAL, goal),
            _faster(f"{app}: ours / bare gunicorn", speed, OURS, sites.BARE),
            ratio(
                f"{app}: 99 % within, ours / usual pair",
                slowest[OURS],
                slowest[sites.USUAL],
                goal=slowest_goal,
            ),
            ratio(f"{app}: processor, ours / usual pair", processor[OURS], processor[sites.USUAL]),
        ]
    speed = counted[TRIVIAL].per_second.figures()
    pairs = {
        "20 lanes / one lane": (OURS, sites.ONE_LANE),
        "threads / gthread": (OURS, GTHREAD),
        "threads / sync": (OURS, SYNC),
        "threads / gevent": (OURS, GEVENT),
        "ours with gunicorn_h1c / usual pair": (C_PARSER, sites.USUAL),
    }
    found += [
        _faster(f"{TRIVIAL}: {title}", speed, one, other)
        for title, (one, other) in pairs.items()
        if {one, other} <= speed.keys()
    ]
    processor = counted[TRIVIAL].processor.figures()
    lanes = f"{TRIVIAL}: processor, 20 lanes / one lane"
    return [*found, ratio(lanes, processor[OURS], processor[sites.ONE_LANE])]


def _faster(
    title: str, speed: dict[str, Figure], one: str, other: str, goal: float | None = None
) -> Ratio:
    return ratio(title, speed[one], speed[other], better=HIGHER, goal=goal)
