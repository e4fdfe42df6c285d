"""A canary by hand: begin it, move it on, finish it, or put all traffic back.

What it promises is in `playbooks/deploy.yml` and `playbooks/canary.yml`; here is which of them.
"""

from __future__ import annotations

from typing import Any

from turnout import recover, status
from turnout.deploy import deploy, judge, title
from turnout.environment import Environment
from turnout.errors import TurnoutError
from turnout.inventory import load
from turnout.playbooks import run
from turnout.view import seconds_line, shown

ALL, NOTHING = 100, 0
# What each host had in percent; None where there is no canary.
Shares = list[int | None]


def canary(
    env: str, *, to: int = 0, finish: bool = False, abort: bool = False, dirty: bool = False
) -> None:
    """Give the new release a share of the traffic of ``env``, all of it, or none.

    Args:
        env: the environment's name.
        to: the share, in percent. Without a canary under way this deploys first.
        finish: all of the traffic; what is live then is committed.
        abort: none of it.
        dirty: allow a git tree with changes that are not committed.

    Raises:
        TurnoutError: not one of the three was asked for, or the first cause of the failure.
    """
    if [bool(to), finish, abort].count(True) != 1:
        raise TurnoutError(
            "A canary needs one of --to PERCENT, --finish and --abort.",
            next_step=f"invoke canary --env {env or '<env>'} --to 10",
        )
    environment = load(env)
    before = _parked(environment)
    if to and not any(before):
        deploy(env, dirty=dirty, canary_to=to)
        return
    _go_on(environment, ALL if finish else to, before)


def _parked(environment: Environment) -> Shares:
    """Return the share at which each host was left."""
    return [(status.parked(host) or {}).get("parked") for host in status.ask(environment)]


def _go_on(environment: Environment, to: int, before: Shares) -> None:
    variables: dict[str, Any] = {"release_canary_to": to}
    with shown(title("canary", environment)) as view:
        result = run("canary", environment.name, listener=view, variables=variables)
        view.finish(result.progress)
    if result.cancelled:
        if any(before) and _parked(environment) == before:
            raise TurnoutError(
                f"canary of {environment.name} was cancelled before it went on.",
                "The hosts have it as they had it before.",
                f"invoke canary --env {environment.name} --to, --finish or --abort",
            )
        recover.after_cancel(environment)
    judge(result, environment, check=False)
    print(seconds_line(result.progress.seconds))
    for line in told(environment.name, status.ask(environment)):
        print(line)


def told(env: str, hosts: list[dict[str, Any]]) -> list[str]:
    """Return what each host gives to whom, and how to go on where a canary waits for that."""
    lines = [f"{host['host']}: {_shares(host)}" for host in hosts if "error" not in host]
    if any(status.parked(host) for host in hosts):
        lines.append(
            f"Next: invoke canary --env {env} --to PERCENT, --finish or --abort; "
            "left alone it goes back by itself"
        )
    return lines


def _shares(host: dict[str, Any]) -> str:
    shares = [
        f"{share} % to {host['slots'][slot]['release']} ({slot})"
        for slot, share in sorted(host["split"].items(), key=lambda pair: -pair[1])
        if share
    ]
    return ", ".join(shares) or "nothing is live"
