"""The suite `peers`: the same app and change, deployed by other tools to the same VM in turn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.bench import deploys, scratch, vm
from turnout.bench.commands import Cost
from turnout.bench.figures import HIGHER, Figure, Ratio, Samples, ratio
from turnout.bench.peers import host, team
from turnout.bench.peers.tools import ALL, CAPISTRANO, FLOOR, FUJIN_TOOL, USUAL, Tool
from turnout.bench.poller import Served, until_served
from turnout.bench.report import Report, load, machine
from turnout.errors import TurnoutError

US = "Turnout"
LIMIT_SECONDS = 120.0
MOST_FAILURES = 3
COMMAND, SERVED = "whole command", "until the new version is served"


@dataclass
class Comparison:
    """One run: Turnout and the tools that are here, on one VM.

    `left_out` says why a tool takes no part, or none any more; `failures` how it failed now and
    then, for that is no reason to leave it out.
    """

    bench: deploys.Bench
    team: team.Team
    tools: list[Tool]
    left_out: dict[str, str] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)
    commands: Samples = field(default_factory=Samples)
    served: Samples = field(default_factory=Samples)
    refused: dict[str, int] = field(default_factory=dict)

    def round(self, number: int) -> None:
        """Deploy once with each, another one first each time."""
        turns = [None, *self.tools]
        first = number % len(turns)
        for tool in turns[first:] + turns[:first]:
            name = tool.name if tool else US
            done = self.attempt(tool) if tool else self.with_turnout()
            if done:
                self.commands.add(name, done.cost.seconds)
                self.served.add(name, done.seconds)
                self.refused[name] = self.refused.get(name, 0) + done.failed

    def with_turnout(self) -> Served:
        """Deploy another version with Turnout."""
        copy = self.bench.scratch
        return self._deploy(
            US, "localhost", copy.change_code(), lambda: vm.verb(copy, *deploys.DEPLOY)
        )

    def attempt(self, tool: Tool) -> Served | None:
        """Deploy another version with a tool; one that fails too often takes no part any more."""
        argv, folder = list(tool.argv), self.team.path
        version = self.team.change_code()
        try:
            return self._deploy(
                tool.name, tool.site, version, lambda: vm.plain(argv, folder, LIMIT_SECONDS)
            )
        except TurnoutError as error:
            print(error, file=sys.stderr)
            self._failed(tool, error.what)
            return None

    def _failed(self, tool: Tool, what: str) -> None:
        failures = self.failures.setdefault(tool.name, [])
        failures.append(what)
        self.bench.machine.do(tool.unlock)
        if len(failures) == MOST_FAILURES:
            self.left_out[tool.name] = f"it failed {MOST_FAILURES} times, last: {what}"
            self.tools.remove(tool)

    def _deploy(self, name: str, site: str, version: str, command: Callable[[], Cost]) -> Served:
        done = until_served(self.bench.machine.http_port, version, command, site)
        print(
            f"{done.cost.seconds:8.2f} s, served after {done.seconds:.2f} s  {name}",
            file=sys.stderr,
            flush=True,
        )
        return done


def measure(runs: int) -> Report:
    """Compare over ``runs`` rounds; a tool that is missing or does not work is left out, with why.

    Raises:
        TurnoutError: Turnout's own deploy fails.
    """
    before = load()
    missing = {tool: tool.missing() for tool in ALL}
    tools = [tool for tool, why in missing.items() if not why]
    compared = _ready(tools)
    compared.left_out |= {tool.name: why for tool, why in missing.items() if why}
    for tool in tools:
        compared.attempt(tool)  # not counted: a first deploy makes what later ones find
    for number in range(runs):
        print(f"round {number + 1} of {runs}", file=sys.stderr, flush=True)
        compared.round(number)
    return report(compared, runs, machine(before))


def _ready(tools: list[Tool]) -> Comparison:
    copy = scratch.make()
    bench = deploys.Bench(copy, deploys.ready(copy))
    keys = [tool.key for tool in tools]
    host.prepare(bench.machine, copy, keys)
    repository = team.make(copy, bench.machine)
    repository.push()
    host.first_release(repository, keys)
    return Comparison(bench, repository, [*tools])


def report(compared: Comparison, runs: int, machine_line: str) -> Report:
    """Return the tables and ratios of the comparison."""
    commands, served = compared.commands.figures(), compared.served.figures()
    refused = ", ".join(f"{name} {count}" for name, count in compared.refused.items())
    return Report(
        suite="peers",
        command=f"./inv bench --peers --runs {runs}",
        tables={COMMAND: list(commands.values()), SERVED: list(served.values())},
        ratios=ratios(commands, served),
        notes=[
            "Each but the floor migrates the database as well.",
            f"Requests of the poller (20 a second) that got no good answer: {refused}.",
            *(
                f"{name} failed or hung {len(whys)} times."
                for name, whys in compared.failures.items()
            ),
            *(f"{name} was left out: {why}" for name, why in compared.left_out.items()),
        ],
        machine=machine_line,
    )


def ratios(commands: dict[str, Figure], served: dict[str, Figure]) -> list[Ratio]:
    """Return how Turnout compares with each tool that took part."""
    found = []
    for tool, goal in ((CAPISTRANO, 1.0), (FUJIN_TOOL, 1.0), (FLOOR, None)):
        if tool.name in served:
            name = f"{SERVED}: {US} / {tool.name}"
            found.append(ratio(name, served[US], served[tool.name], goal=goal))
    if USUAL.name in served:
        for what, figures in ((SERVED, served), (COMMAND, commands)):
            name = f"{what}: {USUAL.name} / {US}"
            # What counts is when the new version is served.
            wanted = 3.0 if what == SERVED else None
            found.append(ratio(name, figures[USUAL.name], figures[US], better=HIGHER, goal=wanted))
    return found
