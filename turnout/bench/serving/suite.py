"""Load each site in turn, round after round, and compare."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from turnout.bench import deploys, scratch, stubs
from turnout.bench.figures import HIGHER, Figure, Ratio, Samples, ratio
from turnout.bench.report import Report, load, machine
from turnout.bench.scratch import Scratch
from turnout.bench.serving import sites, wrk
from turnout.bench.serving.sites import App, Site
from turnout.bench.vm import Machine

SECONDS = 5
TRIVIAL, REALISTIC = "trivial app", "sample app, page with database"
OURS = "Turnout, gthread (the default)"
SYNC, GEVENT = "Turnout, sync", "Turnout, gevent"
STUB = App("stubgthread", "stub:app", "/")
SAMPLE = App("hello", "hello:create_app()", "/")
# What Turnout's sites are called, by the worker class they run.
CLASSES = {OURS: "gthread", SYNC: "sync", GEVENT: "gevent"}


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


def measure(runs: int) -> Report:
    """Load every site ``runs`` times for some seconds, in turn.

    Raises:
        TurnoutError: a site cannot be set up, or the load generator is missing.
    """
    before = load()
    copy = scratch.make()
    vm = deploys.ready(copy)
    wrk.install(vm)
    left_out = _deploy_stubs(copy, vm)
    served = {TRIVIAL: _trivial(vm, left_out), REALISTIC: _realistic(vm)}
    counted = {app: Counted() for app in served}
    for number in range(runs):
        print(f"round {number + 1} of {runs}", file=sys.stderr, flush=True)
        for app, all_sites in served.items():
            first = number % len(all_sites)
            for site in all_sites[first:] + all_sites[:first]:
                counted[app].add(site.name, _load(vm, site))
    nginx = vm.do("nginx -v 2>&1").strip().removeprefix("nginx version: ").replace("/", " ")
    versions = (nginx, stubs.pin(copy, "gunicorn").replace("==", " "))
    return report(counted, runs, left_out, machine(before, *versions))


def _load(vm: Machine, site: Site) -> wrk.Outcome:
    sites.wait(vm, site)
    wrk.load(vm, site.port, site.host, site.path, 1)  # a second to warm up
    outcome = wrk.load(vm, site.port, site.host, site.path, SECONDS)
    print(
        f"{outcome.per_second:8.0f}/s, 99 % within {outcome.p99_ms:.0f} ms, "
        f"{outcome.failed} failed  {site.name}",
        file=sys.stderr,
        flush=True,
    )
    return outcome


def _deploy_stubs(copy: Scratch, vm: Machine) -> list[str]:
    """Deploy the stub once with each worker class; return why one was left out."""
    left_out = []
    for kind in CLASSES.values():
        name = f"stub{kind}"
        stubs.add(copy, name, [vm], worker_class=kind)
        # gunicorn's gevent worker imports packaging, and gunicorn does not require it.
        why = stubs.lock(copy, name, "gevent", "packaging") if kind == "gevent" else ""
        if why:
            left_out.append(f"{GEVENT} was left out: {why}")
        else:
            stubs.ready(copy, name)
    return left_out


def _trivial(vm: Machine, left_out: list[str]) -> list[Site]:
    deployed = [
        Site(title, f"stub{kind}.localhost", "/")
        for title, kind in CLASSES.items()
        if not any(line.startswith(title) for line in left_out)
    ]
    others = [sites.usual(vm, STUB), sites.bare(vm, STUB, 0), sites.bare_gthread(vm, STUB, 1)]
    return [*deployed, sites.one_lane(vm, STUB), *others]


def _realistic(vm: Machine) -> list[Site]:
    ours = Site(OURS, "localhost", SAMPLE.path)
    return [
        ours,
        sites.usual(vm, SAMPLE),
        sites.bare(vm, SAMPLE, 2),
        sites.bare_gthread(vm, SAMPLE, 3),
    ]


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
    for app, goal in ((TRIVIAL, 1.25), (REALISTIC, 1.0)):
        speed, slowest = counted[app].per_second.figures(), counted[app].p99.figures()
        processor = counted[app].processor.figures()
        found += [
            _faster(f"{app}: ours / usual pair", speed, OURS, sites.USUAL, goal),
            _faster(f"{app}: ours / bare gunicorn", speed, OURS, sites.BARE),
            ratio(f"{app}: 99 % within, ours / usual pair", slowest[OURS], slowest[sites.USUAL]),
            ratio(f"{app}: processor, ours / usual pair", processor[OURS], processor[sites.USUAL]),
        ]
    speed = counted[TRIVIAL].per_second.figures()
    pairs = {"20 lanes / one lane": sites.ONE_LANE, "gthread / sync": SYNC}
    pairs["gthread / gevent"] = GEVENT
    found += [
        _faster(f"{TRIVIAL}: {title}", speed, OURS, other)
        for title, other in pairs.items()
        if other in speed
    ]
    return found


def _faster(
    title: str, speed: dict[str, Figure], one: str, other: str, goal: float | None = None
) -> Ratio:
    return ratio(title, speed[one], speed[other], better=HIGHER, goal=goal)
