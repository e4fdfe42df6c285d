"""All hosts back to an earlier release, or none, past Ansible.

The phases are those of the playbook, each on all hosts before the next one. Every host runs them
with its own program and its own settings, and waits for the next one as long as it is connected:
where it loses its controller before the commit, it goes back at once.
"""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from turnout import ssh, status
from turnout.conversation import Conversation, Entry, Lost, with_all
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.paths import use_library
from turnout.progress import Cell, Progress, Step
from turnout.reach import HostError
from turnout.view import View

PLAN_SECONDS = 20
HELD_OFF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Together:
    """A rollback of every host of an environment.

    Args:
        environment: whose hosts.
        words: the options of the host program.
        wait: seconds to wait for somebody else's deploy to end.
        view: is shown how far it has got.

    Attributes:
        progress: how far it has got, with the receipts of the hosts.
    """

    def __init__(self, environment: Environment, words: list[str], wait: int, view: View) -> None:
        self.progress = Progress()
        self._environment, self._words, self._wait, self._view = environment, words, wait, view
        self._talks: list[Conversation] = []
        self._targets: dict[str, Entry] = {}
        self._silent: set[str] = set()
        self._commits = False
        use_library()
        from turnout_build import owner

        name = owner.name(getpass.getuser(), os.getpid())
        self._lease: Entry = {
            "token": secrets.token_hex(8),
            "owner": name,
            "reason": "rollback",
            "seconds": environment.rollback_seconds + wait,  # the first host waits with the others
            "wait_seconds": wait,
        }

    def run(self) -> list[Entry]:
        """Go back; return what is live on each host.

        Raises:
            TurnoutError: the first cause; nothing has moved, or all have gone back, or it says
                where that is not known.
        """
        try:
            self._plan()
            return self._transact()
        except KeyboardInterrupt:
            raise self._cancelled() from None
        finally:
            for talk in self._talks:
                talk.close()

    def _plan(self) -> None:
        """Begin the conversations; agree on a release, and that nobody else is at work."""
        environment = self._environment
        words = ("rollback", "--together", "--explain", *self._words)
        hosts = {host.name: host for host in environment.hosts}

        def begin(host: Host) -> Entry:
            talk = Conversation(host, environment.app, *words)
            self._talks.append(talk)
            return talk.answer(PLAN_SECONDS)

        answers = self._shown(
            "Preflight", list(hosts), lambda: ssh.on_each(environment.hosts, begin), done="ok"
        )
        self._targets = _all_of(answers)
        # As in the inventory, so that two rollbacks begin with the same host.
        self._talks.sort(key=lambda talk: list(hosts).index(talk.host.name))
        _agree(environment.name, self._targets)
        self._lease["dead"] = _free(self._targets, waits=self._wait > 0)

    def _transact(self) -> list[Entry]:
        seconds = self._environment.rollback_seconds
        try:
            # Two that begin together must not each get some of the hosts.
            self._take("recall", seconds + self._wait, self._talks[:1])
            self._take("recall", seconds + self._wait, self._talks[1:])
            self._lease["seconds"] = seconds
            self._take("start", seconds)
            self._take("switch", seconds)
        except HostError as error:
            raise self._failed(error) from error
        with _undisturbed():
            done = self._commit()
        self._keep_receipts(done)
        return [{"host": host, **answer} for host, answer in done.items()]

    def _commit(self) -> dict[str, Entry]:
        """Commit on all hosts, or take back what some have committed; nothing may come between."""
        self._commits = True
        try:
            return self._take("commit", self._environment.rollback_seconds)
        except HostError as error:
            raise self._failed(error) from error

    def _take(
        self, phase: str, seconds: float, talks: list[Conversation] | None = None
    ) -> dict[str, Entry]:
        """Go through a phase on all hosts at once.

        Raises:
            HostError: the first one that failed; its host has gone back by itself.
        """
        asked = list(self._talks) if talks is None else talks
        line = {"phase": phase, "lease": self._lease}
        answers = self._shown(
            phase.capitalize(),
            [talk.host.name for talk in asked],
            lambda: with_all(asked, lambda talk: talk.ask(line, seconds)),
        )
        for talk in asked:
            answer = answers[talk.host.name]
            if isinstance(answer, HostError):
                # Where it only takes too long, the host goes back as soon as it reads this.
                talk.give_up(_back(answer))
                self._talks.remove(talk)
        return _all_of(answers)

    def _failed(self, error: HostError) -> TurnoutError:
        """Send back the hosts that have not failed; return what is to be told of it all."""
        line, others, phase = _back(error), list(self._talks), self.progress.phase
        answers = self._shown(
            "Revert",
            [talk.host.name for talk in others],
            lambda: with_all(
                others, lambda talk: talk.ask(line, self._environment.rollback_seconds)
            ),
        )
        self._keep_receipts(
            {host: one for host, one in answers.items() if not isinstance(one, HostError)}
        )
        name = self._environment.name
        return TurnoutError(
            f"rollback of {name} failed on {error.host} in {phase}, and {self._where()}",
            "\n".join(filter(None, (error.problem, error.why))),
            error.next_step or f"invoke status --env {name} shows what is live",
        )

    def _where(self) -> str:
        """Say where the traffic is, by what the hosts say now; of silent ones it is not known."""
        known, where = self._environment, "traffic is where it was"
        if "Switch" not in self.progress.phases:
            return "it has moved no traffic"
        heard = [host for host in known.hosts if host.name not in self._silent]
        entries = status.ask(replace(known, hosts=heard)) if heard else []
        there = {entry["host"]: entry.get("release") for entry in entries}
        elsewhere = [
            host for host, target in self._targets.items() if there.get(host) != target["release"]
        ]
        if not elsewhere:
            return where
        return (
            f"{where}, but perhaps not on {', '.join(elsewhere)} (one that has not committed goes "
            "back by itself)"
        )

    def _cancelled(self) -> TurnoutError:
        name = self._environment.name
        where = (
            f"rollback of {name} was cancelled when its hosts had committed"
            if self._commits
            else f"rollback of {name} was cancelled: each host goes back to where it was by itself"
        )
        return TurnoutError(where, next_step=f"invoke status --env {name} shows what is live")

    def _keep_receipts(self, answers: dict[str, Entry]) -> None:
        self.progress.receipts |= {
            host: answer["receipt"] for host, answer in answers.items() if answer.get("receipt")
        }

    def _shown(
        self,
        phase: str,
        hosts: list[str],
        work: Callable[[], dict[str, Entry | HostError]],
        *,
        done: str = "changed",
    ) -> dict[str, Entry | HostError]:
        """Show a phase while it goes on, and keep what it took."""
        progress, began = self.progress, time.monotonic()
        progress.phase = progress.task = phase
        cells = progress.phases.setdefault(phase, {})
        for host in hosts:
            cells.setdefault(host, Cell()).start(began)
        self._view.update(progress)
        answers = work()
        now = time.monotonic()
        progress.seconds[phase] = progress.seconds.get(phase, 0.0) + now - began
        for host in hosts:
            answer = answers[host]
            failed = isinstance(answer, HostError)
            if isinstance(answer, Lost):
                self._silent.add(host)
            cells[host].end("failed" if failed else done, now)
            took = None if isinstance(answer, HostError) else answer.get("seconds")
            if isinstance(took, dict):  # of a commit, which tells of all phases
                took = took[phase.lower()]
            progress.steps.append(Step(host, phase, phase, began, now - began, took))
        self._view.update(progress)
        return answers


def _back(error: HostError) -> Entry:
    return {"phase": "revert", "cause": f"{error.host}: {error.problem}"}


def _agree(name: str, targets: dict[str, Entry]) -> None:
    wanted = sorted({str(target["rollback_to"]) for target in targets.values()})
    if len(wanted) > 1:
        raise TurnoutError(
            f"The hosts of {name} would go back to different releases: {', '.join(wanted)}.",
            next_step="name one: invoke rollback --release NAME",
        )
    if all(target["is_live"] for target in targets.values()):
        raise TurnoutError(
            f"Release {wanted[0]} is live already, on every host of {name}.",
            next_step="name another one (invoke status lists them)",
        )


def _free(targets: dict[str, Entry], *, waits: bool) -> list[str]:
    """Return the owners that are dead; refuse to come between somebody who is not."""
    from turnout_build import leases

    found = {host: target["lease"] for host, target in targets.items()}
    refused = leases.objection(found, waits=waits)
    if refused:
        cause, next_step = refused
        raise TurnoutError(cause, next_step=next_step)
    return leases.dead_owners(found)


def _all_of(answers: dict[str, Entry | HostError]) -> dict[str, Entry]:
    for answer in answers.values():
        if isinstance(answer, HostError):
            raise answer
    return {host: answer for host, answer in answers.items() if not isinstance(answer, HostError)}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let neither Ctrl-C nor the end of a CI job come between the commits of two hosts."""
    before: dict[signal.Signals, Any] = {
        kind: signal.signal(kind, signal.SIG_IGN) for kind in HELD_OFF
    }
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
