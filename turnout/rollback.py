"""Back to an earlier release: one rename on each host, asked for over SSH."""

from __future__ import annotations

from typing import Any

from turnout.errors import TurnoutError
from turnout.inventory import Environment, load
from turnout.reach import HostError

# A release that is not warm any more has to start first.
SECONDS = 180


def rollback(env: str, *, release: str = "") -> None:
    """Switch every host of ``env`` back and say what is live then.

    Args:
        env: the environment's name.
        release: the release to go to; empty means the one that was live before.

    Raises:
        TurnoutError: a host did not switch; the message says which and what the others do.
    """
    from turnout import ssh

    environment = load(env)
    entries = _answers(environment)
    wanted = release or _common_previous(env, entries)
    moving = [environment.host(one["host"]) for one in entries if one["release"] != wanted]
    if not moving:
        raise TurnoutError(
            f"Release {wanted} is live already, on every host of {env}.",
            next_step=f"invoke status --env {env} lists the others",
        )
    answers = ssh.on_each(
        moving,
        lambda host: ssh.program(
            host, environment.app, "rollback", "--release", wanted, timeout=SECONDS
        ),
    )
    for name, answer in answers.items():
        print(f"{name}: {_words(answer)}")
    failed = [answer for answer in answers.values() if isinstance(answer, HostError)]
    if failed:
        raise _failure(env, failed, len(entries), wanted)


def _answers(environment: Environment) -> list[dict[str, Any]]:
    """Ask every host before any of them moves: an unreachable one would split the fleet."""
    from turnout.status import ask

    entries = ask(environment)
    for host in entries:
        if "error" in host:
            raise HostError(host["host"], host["error"], host["why"], host["next_step"])
    return entries


def _common_previous(env: str, entries: list[dict[str, Any]]) -> str:
    previous = {str(host.get("previous") or "") for host in entries}
    if previous == {""}:
        raise TurnoutError(
            f"Environment {env} has no earlier release to go back to.",
            next_step=f"invoke status --env {env} shows what is there; --release NAME goes to it",
        )
    if len(previous) > 1:
        raise TurnoutError(
            f"The hosts of {env} would go back to different releases: "
            f"{', '.join(sorted(name or 'none' for name in previous))}.",
            next_step=f"name one: invoke rollback --env {env} --release NAME",
        )
    return previous.pop()


def _words(answer: dict[str, Any] | HostError) -> str:
    if isinstance(answer, HostError):
        return f"not switched: {answer.problem}"
    return f"{answer['release']} is live ({answer['live']})"


def _failure(env: str, failed: list[HostError], hosts: int, wanted: str) -> TurnoutError:
    first = failed[0]
    where = "on any host" if len(failed) == hosts else "on every host: the fleet is mixed"
    return TurnoutError(
        f"{first.host}: the rollback to {wanted} did not happen {where}.",
        f"{first.problem}\n{first.why}",
        first.next_step or f"invoke status --env {env}, then deploy or roll back again",
    )
