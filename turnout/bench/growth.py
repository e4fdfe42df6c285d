"""The suite `growth`: one deploy to more and more hosts; what it takes here, on the controller.

The app is a stub: sixteen starts of a real app on one machine would measure the app.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field

from turnout.bench import inotify, memory, scratch, stubs, vm
from turnout.bench.figures import Figure, Ratio, Samples, ratio
from turnout.bench.report import Report, load, machine
from turnout.bench.scratch import Scratch
from turnout.errors import TurnoutError

LAB, NAME = "growth", "growth"
MOST_HOSTS = 16
WALL, BACK, PROCESSOR, MEMORY, LARGEST = (
    "seconds by the clock",
    "seconds by the clock, `rollback`, warm",
    "seconds of the controller's processor",
    "memory of all its processes",
    "memory of the largest process",
)
UNITS = {WALL: "s", BACK: "s", PROCESSOR: "s", MEMORY: "MB", LARGEST: "MB"}
# Each host measures its switch by requests of its own: sixteen on one machine measure each other.
SETTINGS = {"probe_rate": 0}
# What the greatest number of hosts may cost beside one host.
GOALS = {WALL: 4.0, PROCESSOR: 8.0}


@dataclass
class Growth:
    """One run over several numbers of hosts."""

    scratch: Scratch
    machines: list[vm.Machine]
    samples: dict[str, Samples] = field(default_factory=lambda: {what: Samples() for what in UNITS})

    def deploy(self, hosts: int) -> None:
        """Deploy another version to so many hosts and go back again; keep what it cost."""
        stubs.add(self.scratch, NAME, self.machines[:hosts], **SETTINGS)
        _change(self.scratch)
        # Ansible resolves an inventory that has changed once; a team's does not change each time.
        self.scratch.invoke("status", "--env", NAME)
        with memory.watched(os.getpid()) as peak:
            cost = vm.verb(self.scratch, "deploy", "--env", NAME)
        back = vm.verb(self.scratch, "rollback", "--env", NAME).seconds
        taken = (cost.seconds, back, cost.processor_seconds, peak.megabytes, cost.megabytes)
        for (what, samples), value in zip(self.samples.items(), taken, strict=True):
            samples.add(label(hosts), value)
            print(f"{value:8.2f} {UNITS[what]}  {label(hosts)}: {what}", file=sys.stderr)


def measure(numbers: list[int], runs: int) -> Report:
    """Deploy to each number of hosts in turn, ``runs`` times.

    Raises:
        TurnoutError: the lab cannot be made, or a deploy fails.
    """
    before = load()
    copy = scratch.make()
    inotify.make_room(max(numbers))
    copy.prepare("lab.up", "--hosts", str(max(numbers)), "--lab", LAB)
    growth = Growth(copy, vm.machines(copy, LAB)[: max(numbers)])
    stubs.add(copy, NAME, growth.machines, **SETTINGS)
    stubs.ready(copy, NAME)
    _change(copy)
    copy.prepare("deploy", "--env", NAME)  # both slots are in use now, as they are later on
    for number in range(runs):
        print(f"round {number + 1} of {runs}", file=sys.stderr, flush=True)
        for hosts in numbers:
            growth.deploy(hosts)
    return report(growth.samples, numbers, runs, machine(before))


def parse(text: str) -> list[int]:
    """Return the numbers of hosts in ``text``, such as `1,2,4`, in order.

    Raises:
        TurnoutError: it is no such list.
    """
    try:
        numbers = sorted({int(one) for one in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1 or numbers[-1] > MOST_HOSTS:
        raise TurnoutError(
            f"'{text}' is no list of numbers of hosts.",
            next_step=f"such as --growth 1,2,4,8,16; at most {MOST_HOSTS}",
        )
    return numbers


def label(hosts: int) -> str:
    """Return what a row is called."""
    return "1 host" if hosts == 1 else f"{hosts} hosts"


def report(samples: dict[str, Samples], numbers: list[int], runs: int, machine_line: str) -> Report:
    """Return a table for each cost, and the ratios to the least number of hosts."""
    tables = {what: list(one.figures(UNITS[what]).values()) for what, one in samples.items()}
    return Report(
        suite="growth",
        command=f"./inv bench --growth {','.join(map(str, numbers))} --runs {runs}",
        tables=tables,
        ratios=[one for what, figures in tables.items() for one in _ratios(what, figures)],
        notes=[
            "The VMs are on the controller's own machine, so the clock counts their work too. "
            "Their probes are off (`app_probe_rate: 0`), which would measure each other.",
            "The processor's seconds are those of the command and all it waited for: "
            "not the ssh processes that keep a connection.",
        ],
        machine=machine_line,
    )


def _ratios(what: str, figures: list[Figure]) -> list[Ratio]:
    least, *more = figures
    goals = {label(MOST_HOSTS): GOALS.get(what)} if least.name == label(1) else {}
    return [
        ratio(f"{what}: {one.name} / {least.name}", one, least, goal=goals.get(one.name))
        for one in more
    ]


def _change(copy: Scratch) -> None:
    file = copy.path / stubs.APPS / NAME / stubs.VERSION_FILE
    version = f"bench-{time.time_ns()}"
    lines = file.read_text().splitlines()
    changed = [f'__version__ = "{version}"' if scratch.is_version(one) else one for one in lines]
    file.write_text("\n".join(changed) + "\n")
    copy.commit(version)
