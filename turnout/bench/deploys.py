"""The suite `deploy`: whole commands on one host, in turn with their unavoidable parts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from turnout import deps
from turnout.bench import parts, scratch, vm
from turnout.bench.figures import Figure, Ratio, Samples, ratio, total
from turnout.bench.poller import until_served
from turnout.bench.report import Report, load, machine
from turnout.bench.scratch import Scratch
from turnout.bench.stubs import locked

CODE = "`deploy`, code changed"
SERVED = "`deploy`, code changed, until served"
NOTHING = "`deploy`, nothing changed"
ROLLBACK = "`rollback`, warm"
STATUS = "`status`"
COLD = "`deploy`, first one: no venv and no wheel there"
SOAK = "`deploy`, code changed, with the default soak"
TESTS = "`deploy`, code changed, with the app's tests"
SUM = "sum of the parts"
GOALS = {NOTHING: 2.0, ROLLBACK: 2.0}
APART = 3  # at most so many runs of what is no part of the comparison
NO_SOAK = "app_health: {path: /ready, soak_seconds: 0}\n"
DEFAULT_SOAK = "app_health: {path: /ready}\n"
# What makes the next deploy a first one: what is made on the host, and what was sent to it.
FORGET = "rm -rf /srv/{app}/venvs/* /var/lib/turnout/wheels/* /srv/{app}/wheel*"
DEPLOY = ("deploy", "--env", "local", "--no-tests")
# With those of the sample app they are forty on a host with Debian 12.
MORE_PACKAGES = Path(__file__).with_name("files") / "packages/requirements.txt"


@dataclass
class Bench:
    """One run of the suite on one VM."""

    scratch: Scratch
    machine: vm.Machine
    samples: Samples = field(default_factory=Samples)

    def round(self) -> None:
        """Measure everything that is compared, once."""
        for name, measure in parts.parts(self.scratch, self.machine).items():
            self.note(name, measure())
        self.deploy(CODE, SERVED)
        for name, words in (
            (NOTHING, DEPLOY),
            (STATUS, ("status", "--env", "local")),
            (ROLLBACK, ("rollback", "--env", "local")),
        ):
            self.note(name, vm.verb(self.scratch, *words).seconds)
        self.machine.do(FORGET.format(app=parts.APP))
        self.deploy(COLD)

    def deploy(self, name: str, served: str = "", words: tuple[str, ...] = DEPLOY) -> None:
        """Deploy another version, and measure the command and when it is served."""
        version = self.scratch.change_code()
        done = until_served(self.machine.http_port, version, lambda: vm.verb(self.scratch, *words))
        self.note(name, done.cost.seconds)
        if served:
            self.note(served, done.seconds)

    def note(self, name: str, seconds: float) -> None:
        """Keep a value, and show it to whoever waits."""
        self.samples.add(name, seconds)
        print(f"{seconds:8.2f} s  {name}", file=sys.stderr, flush=True)


def measure(runs: int) -> Report:
    """Measure ``runs`` rounds and return the report.

    Raises:
        TurnoutError: a command fails; its output is quoted.
    """
    before = load()
    copy = scratch.make()
    bench = Bench(copy, ready(copy))
    for number in range(1, runs + 1):
        print(f"round {number} of {runs}", file=sys.stderr, flush=True)
        bench.round()
    if runs > 1:  # one round is a look at what is compared
        apart(bench, min(runs - 1, APART))
    return report(bench.samples, runs, machine(before))


def ready(copy: Scratch) -> vm.Machine:
    """Return the copy's VM with two releases on it, so that there is one to go back to."""
    copy.configure(NO_SOAK)
    add_packages(copy.path / "app/requirements.txt")
    for _ in range(2):
        copy.change_code()
        copy.prepare(*DEPLOY)
    return vm.machines(copy)[0]


def add_packages(file: Path) -> None:
    """Lock the further packages for the copy's app, but for those that it has itself."""
    has, more = deps.pins(file), MORE_PACKAGES.read_text()
    names = [name for name in deps.pins(MORE_PACKAGES) if name not in has]
    file.write_text(file.read_text() + "".join(locked(more, name) for name in names))


def apart(bench: Bench, runs: int) -> None:
    """Measure what is outside of the comparison: the app's tests, and its soak."""
    for _ in range(runs):
        bench.deploy(TESTS, words=("deploy", "--env", "local"))
    bench.scratch.configure(DEFAULT_SOAK)
    bench.scratch.change_code()
    bench.scratch.prepare(*DEPLOY)  # provisions, for the settings have changed
    for _ in range(runs):
        bench.deploy(SOAK)


def report(samples: Samples, runs: int, machine_line: str) -> Report:
    """Return the tables and ratios of what was measured."""
    figures = samples.figures()
    needed = total(SUM, parts.NEEDED, figures)
    commands = [CODE, SERVED, NOTHING, STATUS, ROLLBACK, COLD, SOAK, TESTS]
    return Report(
        suite="deploy",
        command=f"./inv bench --runs {runs}",
        tables={
            "whole command": [_with_goal(figures[name]) for name in commands if name in figures],
            "unavoidable part": [*(figures[name] for name in parts.NEEDED), needed],
        },
        ratios=ratios(figures, needed),
        notes=[
            f"The sum of the parts is {formula()}.",
            "No connection is kept from before. The soak is set to 0 but where it is named.",
            "Seconds with a goal are those of a quiet machine with 2 cores.",
        ],
        machine=machine_line,
    )


def ratios(figures: dict[str, Figure], needed: Figure) -> list[Ratio]:
    """Return the ratios that are kept on record: they hold on a busy machine as well."""
    code, served = figures[CODE], figures[SERVED]
    return [
        ratio(f"{SERVED} / {SUM}", served, needed, goal=1.5),
        ratio(f"{CODE} / {SUM}", code, needed),
        ratio(f"{COLD} / {CODE}", figures[COLD], code, goal=2.0),
        *(
            ratio(f"{name} / {parts.EMPTY_PLAY}", figures[name], figures[parts.EMPTY_PLAY])
            for name in (NOTHING, STATUS, ROLLBACK)
        ),
    ]


def formula() -> str:
    """Return which parts the sum has, in words."""
    return " + ".join(f"{weight:g} x {name}" for name, weight in parts.NEEDED.items())


def _with_goal(figure: Figure) -> Figure:
    return Figure(figure.name, figure.values, figure.unit, GOALS.get(figure.name))
