"""Load each site in turn, round after round, and compare."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from turnout.bench import deploys, scratch, stubs
from turnout.bench.report import Report, load, machine
from turnout.bench.scratch import Scratch
from turnout.bench.serving import sites, wrk
from turnout.bench.serving.counted import (
    C_PARSER,
    GEVENT,
    GTHREAD,
    OURS,
    REALISTIC,
    SECONDS,
    SYNC,
    TRIVIAL,
    Counted,
    report,
)
from turnout.bench.serving.sites import App, Site
from turnout.bench.vm import Machine
from turnout.errors import TurnoutError

STUB = App("stubthreads", "stub:app", "/")
SAMPLE = App("hello", "hello:create_app()", "/")


@dataclass(frozen=True)
class Kind:
    """One way in which Turnout serves the trivial app: its name, worker class, further packages."""

    name: str
    worker_class: str
    packages: tuple[str, ...] = ()


KINDS = {
    OURS: Kind(STUB.name, "threads"),
    GTHREAD: Kind("stubgthread", "gthread"),
    SYNC: Kind("stubsync", "sync"),
    # gunicorn's gevent worker imports packaging, and gunicorn does not require it.
    GEVENT: Kind("stubgevent", "gevent", ("gevent", "packaging")),
    # gunicorn takes it where it is there. It has no wheel for Linux: the build compiles it.
    C_PARSER: Kind("stubcparser", "threads", ("gunicorn_h1c",)),
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
    notes = [f"{title} was left out: {why}" for title, why in left_out.items()]
    return report(counted, runs, notes, machine(before, *versions))


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


def _deploy_stubs(copy: Scratch, vm: Machine) -> dict[str, str]:
    """Deploy the stub in each way; return by title why one was left out."""
    left_out = {}
    for title, kind in KINDS.items():
        stubs.add(copy, kind.name, [vm], worker_class=kind.worker_class)
        why = stubs.lock(copy, kind.name, *kind.packages) if kind.packages else ""
        try:
            if not why:
                stubs.ready(copy, kind.name)
        except TurnoutError as error:
            if title == OURS:
                raise
            why = error.what
        if why:
            left_out[title] = why
    return left_out


def _trivial(vm: Machine, left_out: dict[str, str]) -> list[Site]:
    deployed = [
        Site(title, f"{kind.name}.localhost", "/")
        for title, kind in KINDS.items()
        if title not in left_out
    ]
    ours, *others = deployed
    # What is compared is loaded one after the other, in the same minute.
    compared = [ours, sites.usual(vm, STUB), sites.one_lane(vm, STUB)]
    return [*compared, *others, sites.bare(vm, STUB, 0), sites.bare_gthread(vm, STUB, 1)]


def _realistic(vm: Machine) -> list[Site]:
    ours = Site(OURS, "localhost", SAMPLE.path)
    return [
        ours,
        sites.usual(vm, SAMPLE),
        sites.bare(vm, SAMPLE, 2),
        sites.bare_gthread(vm, SAMPLE, 3),
    ]
