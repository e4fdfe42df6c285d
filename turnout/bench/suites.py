"""Which suites an `invoke bench` runs, and what becomes of their reports."""

from __future__ import annotations

from collections.abc import Callable

from turnout.bench import record
from turnout.bench.report import Report, store
from turnout.bench.scratch import COPY
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

Suite = Callable[[], Report]


def chosen(runs: int, *, peers: bool = False, serving: bool = False, growth: str = "") -> Suite:
    """Return the suite that was asked for; `deploy` where none was.

    Args:
        runs: how many rounds.
        peers: compare with other tools.
        serving: load the sites instead of deploying.
        growth: the numbers of hosts to deploy to.

    Raises:
        TurnoutError: more than one suite was asked for.
    """
    if peers + serving + bool(growth) > 1:
        raise TurnoutError("One suite at a time.", next_step="run invoke bench once for each")
    if growth:
        from turnout.bench import growth as growing

        numbers = growing.parse(growth)
        return lambda: growing.measure(numbers, runs)
    if serving:
        from turnout.bench.serving import suite as loading

        return lambda: loading.measure(runs)
    if peers:
        from turnout.bench.peers import suite

        return lambda: suite.measure(runs)
    from turnout.bench import deploys

    return lambda: deploys.measure(runs)


def bench(suite: Suite, *, check: bool = False, recording: bool = False) -> None:
    """Run a suite, print its report as Markdown and keep it as JSON.

    Args:
        suite: what measures.
        check: compare with the ratios on record.
        recording: put the ratios on record, and the tables into the docs.

    Raises:
        TurnoutError: a measured command fails, or a ratio is worse than on record.
    """
    report = suite()
    file = store(report)
    print(f"\n{report.markdown()}\n\n{file.relative_to(REPOSITORY)}", flush=True)
    print(f"The VMs stay for the next run; {_remove(report.suite)} removes them")
    if recording:
        record.write(report)
        record.publish(report)
        print("On record in docs/benchmarks.json, and shown in docs/benchmarks.md")
    if check:
        print("\n".join(record.check(report)))


def _remove(suite: str) -> str:
    lab = " --lab growth" if suite == "growth" else ""
    return f"./inv --search-root {COPY.relative_to(REPOSITORY)} lab.down{lab}"
