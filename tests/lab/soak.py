"""The long run: faults at random instants of deploys and rollbacks of a fleet under load.

    ./inv soak --instants 200 --seed 7

Every instant follows from the seed and its number, so that a bad one can be repeated alone
(`python -m tests.lab.soak --seed 7 --only NUMBER`), and a run that was interrupted goes on with
`--first NUMBER`. An independent load generator asks every host all the time. After each instant
the fleet must be one again, and the next deploy must succeed without a hand.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from tests.lab.faults import FAULTS, Scene
from tests.lab.fleet import BACK_SECONDS, ORDER, Fleet, Play, fresh, until
from tests.lab.load import Load
from tests.lab.load_report import last_old_answer, report
from turnout.paths import WORK

NAME = "soak"
SOAKS = WORK / "soak"
# Kills are the fault that may hit anywhere, and cost the least time.
WEIGHTS = {"the controller is killed": 10, "a call on a host is killed": 5}
# A play is hit within this part of the time that it takes whole: Ansible's start needs few hits,
# and what has ended by then is hit after its end.
PART = (0.15, 1.05)
HEALS = {"the next deploy": 3, "recover": 2, "time": 1}
OLD_ANSWERS_SECONDS = 2.0


@dataclass(frozen=True)
class Instant:
    """What happens when: a fault hits the play `action`.

    Args:
        by: who conducts it, `playbook` or, of a rollback, `invoke`.
        part: of the time that the play takes whole, when it does so.
        heals: what puts the fleet right before the next deploy: nothing but that deploy, `recover`,
            or the hosts' own timers.
        host: the number of the host that it happens to.
    """

    number: int
    action: str
    fault: str
    part: float
    heals: str
    host: int
    by: str = "playbook"


@dataclass
class Outcome:
    """What came of an instant; `delay` is when it was, in seconds after the play's begin."""

    instant: Instant
    phase: str = ""
    delay: float = 0.0
    requests: int = 0
    failed: int = 0
    last_old_seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)
    seconds: float = 0.0


def plan(seed: int, number: int, hosts: int) -> Instant:
    """Return the instant of this number; the same for the same seed."""
    rng = random.Random(f"{seed}-{number}")  # noqa: S311 no secret
    action = rng.choice(("deploy", "deploy", "rollback"))
    fault = rng.choices(list(FAULTS), [WEIGHTS.get(name, 1) for name in FAULTS])[0]
    part = round(rng.uniform(*PART), 3)
    heals = rng.choices(list(HEALS), list(HEALS.values()))[0]
    host = rng.randrange(1, hosts)
    # Drawn last, so that what came before it is what it was.
    by = rng.choice(("playbook", "invoke")) if action == "rollback" else "playbook"
    return Instant(number, action, fault, part, heals, host, by)


class Soak:
    """A fleet that faults hit.

    Args:
        fleet: with two releases.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        with fleet.watched():
            self._takes = {
                ("deploy", "playbook"): _timed(lambda: fleet.deploy("timed")),
                ("rollback", "playbook"): _timed(lambda: fleet.play("rollback")),
            }
            fleet.deploy("timed-again")
            self._takes["rollback", "invoke"] = _timed(self._roll_back)

    def _roll_back(self) -> None:
        code, output = self.fleet.roll_back("invoke")
        assert code == 0, output

    def go_through(self, instant: Instant) -> Outcome:
        """Let it happen, put it right, and say what did not hold."""
        outcome, started = Outcome(instant), time.monotonic()
        with self.fleet.watched() as loads:
            try:
                gone = self._hit(instant, outcome)
                release = self._put_right(instant, outcome)
                self._whole(release, outcome)
                time.sleep(1)  # so that requests come after the last switch as well
            except AssertionError as error:
                outcome.complaints.append(str(error)[-2000:])
                gone = [host.vm.name for host in self.fleet.hosts]
        self._count(loads, set(gone), outcome)
        outcome.seconds = round(time.monotonic() - started, 1)
        return outcome

    def _hit(self, instant: Instant, outcome: Outcome) -> list[str]:
        journals = self.fleet.journals()
        outcome.delay = round(instant.part * self._takes[instant.action, instant.by], 2)
        play = self._begin(instant)
        time.sleep(outcome.delay)
        outcome.phase = self.fleet.furthest(journals)
        scene = Scene(self.fleet, play, self.fleet.hosts[instant.host])
        FAULTS[instant.fault](scene)
        play.end()
        return [host.vm.name for host in scene.gone]

    def _begin(self, instant: Instant) -> Play:
        if instant.action == "deploy":
            return self.fleet.begin(f"{instant.number}-hit")
        return self.fleet.begin_rollback(instant.by)

    def _put_right(self, instant: Instant, outcome: Outcome) -> str:
        if instant.heals == "time":
            until(self.fleet.is_settled, "that all have gone back", BACK_SECONDS)
            if len(self.fleet.releases()) > 1 and outcome.phase not in ("Commit", "after"):
                outcome.complaints.append(f"mixed after the timers: {self.fleet.releases()}")
        if instant.heals == "recover":
            self.fleet.recover()
        return self.fleet.deploy(f"{instant.number}-next", release_wait_seconds=90)

    def _whole(self, release: str, outcome: Outcome) -> None:
        if self.fleet.releases() != {release}:
            outcome.complaints.append(f"{self.fleet.releases()} live, not {release}")
        left = self.fleet.leftovers()
        if left:
            outcome.complaints.append(f"left over: {left}")

    def _count(self, loads: dict[str, Load], gone: set[str], outcome: Outcome) -> None:
        live = {str(state["host"]): str(state["release"]) for state in self.fleet.states()}
        for host in self.fleet.hosts:
            requests = loads[host.vm.name].requests
            figures = report(requests)
            outcome.requests += figures["requests"]
            if host.vm.name in gone:
                continue
            outcome.failed += figures["failed"]
            outcome.complaints += [f"{host.vm.name}: {one}" for one in figures["failures"][:3]]
            old = last_old_answer(requests, self.fleet.switched(host), live[host.vm.name])
            outcome.last_old_seconds = max(outcome.last_old_seconds, round(old, 2))
        if outcome.last_old_seconds > OLD_ANSWERS_SECONDS:
            outcome.complaints.append(f"old answers for {outcome.last_old_seconds} s")


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def table(outcomes: Iterable[Outcome]) -> str:
    """Return how often each fault has hit which phase, as Markdown."""
    counts = Counter((one.instant.fault, one.phase) for one in outcomes)
    lines = [f"| fault | {' | '.join(ORDER)} |", f"|---|{'---:|' * len(ORDER)}"]
    for fault in FAULTS:
        cells = [str(counts[fault, phase] or "") for phase in ORDER]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(outcomes: list[Outcome], seed: int) -> str:
    """Return the run in a sentence."""
    requests = sum(one.requests for one in outcomes)
    failed = sum(one.failed for one in outcomes)
    bad = [one.instant.number for one in outcomes if one.complaints]
    words = f"{len(outcomes)} instants with seed {seed}: {requests} requests, {failed} failed"
    return f"{words}; bad instants: {', '.join(map(str, bad)) or 'none'}"


def main() -> int:
    """Run the instants; exit with 1 when something did not hold."""
    arguments = _arguments()
    outcomes = _kept(arguments.seed, arguments.first)
    with fresh(NAME, arguments.hosts, is_small=True) as fleet:
        fleet.deploy("1")
        soak = Soak(fleet)
        numbers = arguments.only or range(arguments.first, arguments.instants + 1)
        for number in numbers:
            outcomes.append(soak.go_through(plan(arguments.seed, number, arguments.hosts)))
            _tell(outcomes[-1], arguments.instants)
            _keep(outcomes, arguments.seed)
    print(f"\n{table(outcomes)}\n\n{summary(outcomes, arguments.seed)}")
    return 1 if any(one.complaints for one in outcomes) else 0


def _tell(one: Outcome, total: int) -> None:
    instant = one.instant
    by = " by invoke" if instant.by == "invoke" else ""
    when = f"{instant.action}{by}, {one.delay} s after its begin ({one.phase})"
    came = f"{one.requests} requests, {one.failed} failed; {one.seconds} s"
    number = f"{instant.number:>4}/{total}"
    print(f"{number}  {instant.fault} in {when}; by {instant.heals}: {came}", flush=True)
    for complaint in one.complaints:
        print(f"      {complaint}", flush=True)


def _keep(outcomes: list[Outcome], seed: int) -> None:
    SOAKS.mkdir(parents=True, exist_ok=True)
    (SOAKS / f"{seed}.json").write_text(json.dumps([asdict(one) for one in outcomes], indent=1))


def _kept(seed: int, first: int) -> list[Outcome]:
    """Return what came of the instants before `first` in an earlier run with this seed."""
    if first == 1:
        return []
    found = json.loads((SOAKS / f"{seed}.json").read_text())
    every = [Outcome(**{**one, "instant": Instant(**one["instant"])}) for one in found]
    return [one for one in every if one.instant.number < first]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instants", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="decides all")
    parser.add_argument("--hosts", type=int, default=3, help="VMs of the fleet, two at least")
    parser.add_argument("--first", type=int, default=1, help="go on with this one")
    parser.add_argument("--only", type=int, nargs="*", help="these instants alone")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
