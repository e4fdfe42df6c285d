"""Measure whole commands, as a person waits for them: what `docs/benchmarks.md` quotes."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from turnout import local
from turnout.errors import TurnoutError
from turnout.inventory import Environment
from turnout.paths import REPOSITORY

Seconds = list[float]
# A file more in the app is the smallest change of code there is.
CHANGE = "turnout-bench.txt"


def bench(runs: int) -> None:
    """Run each command ``runs`` times in turn against the lab and print a table of seconds.

    The lab's VM is used and left running. Every run deploys the app with a
    file more, which is taken away at the end.

    Raises:
        TurnoutError: if a command fails; its output is quoted.
    """
    environment = local.ready(local.NAME)
    _run("deploy", "--env", local.NAME, "--no-tests")
    commands: dict[str, Callable[[], None]] = {
        "`ansible-playbook` with an empty play": _empty_play,
        "`invoke --list`": lambda: _run("--list"),
        "`deploy`, code changed": lambda: _run("deploy", "--env", local.NAME, "--no-tests"),
        "`deploy`, nothing changed": lambda: _run("deploy", "--env", local.NAME, "--no-tests"),
        "`status`": lambda: _run("status", "--env", local.NAME),
        "`rollback`, warm": lambda: _run("rollback", "--env", local.NAME),
    }
    measured: dict[str, Seconds] = {name: [] for name in commands}
    with _changing(environment) as change:
        for number in range(runs):
            change(number)
            for name, command in commands.items():
                measured[name].append(_timed(command))
                print(f"run {number + 1}: {name} {measured[name][-1]:.2f} s", file=sys.stderr)
    print(table(measured))
    print(f"\n{machine()}")


@contextmanager
def _changing(environment: Environment) -> Iterator[Callable[[int], int]]:
    file = Path(str(environment.build["source"])) / CHANGE
    stamp = time.time()
    try:
        yield lambda number: file.write_text(f"{stamp} {number}\n")
    finally:
        file.unlink(missing_ok=True)


def _timed(command: Callable[[], None]) -> float:
    started = time.monotonic()
    command()
    return time.monotonic() - started


def _run(*arguments: str) -> None:
    _check([sys.executable, "-m", "invoke", *arguments])


def _empty_play() -> None:
    play = REPOSITORY / ".turnout/cache/empty.yml"
    play.parent.mkdir(parents=True, exist_ok=True)
    play.write_text("- {name: Empty, hosts: localhost, gather_facts: false, tasks: []}\n")
    _check(["ansible-playbook", "-i", "localhost,", str(play)])


def _check(argv: list[str]) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        argv,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TurnoutError(
            f"`{' '.join(argv[-4:])}` failed while it was measured",
            done.stdout[-3000:],
            "mend that first, then measure again",
        )


def table(measured: Mapping[str, Seconds]) -> str:
    """Return the measurements as a Markdown table: median and least seconds, and how many."""
    rows = [
        f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {len(seconds)} |"
        for name, seconds in measured.items()
    ]
    head = ["| whole command | median, s | least, s | runs |", "|---|---|---|---|"]
    return "\n".join(head + rows)


def machine() -> str:
    """Return what the figures were measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ansible-core", "invoke", "fabric"))
    load = f"load {os.getloadavg()[0]:.1f}"
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {packages}, {load}"
    )
