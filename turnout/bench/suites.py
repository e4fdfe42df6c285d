"""Which suites an `invoke bench` runs, and what becomes of their reports."""

from __future__ import annotations

from collections.abc import Callable

from turnout.bench import record
from turnout.bench.report import Report, store
from turnout.bench.scratch import COPY
from turnout.paths import REPOSITORY

Suite = Callable[[], Report]


def chosen(runs: int, *, peers: bool = False) -> Suite:
    """Return the suite that was asked for; `deploy` where none was.

    Args:
        runs: how many rounds.
        peers: compare with other tools.
    """
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
        recording: put the ratios on record.

    Raises:
        TurnoutError: a measured command fails, or a ratio is worse than on record.
    """
    report = suite()
    file = store(report)
    print(f"\n{report.markdown()}\n\n{file.relative_to(REPOSITORY)}", flush=True)
    print(f"The VMs stay for the next run: ./inv --search-root {_copy()} lab.down removes them")
    if recording:
        record.write(report)
        print(f"On record in {record.FILE.relative_to(REPOSITORY)}")
    if check:
        print("\n".join(record.check(report)))


def _copy() -> str:
    return str(COPY.relative_to(REPOSITORY))
