"""Say how a canary goes on: through which shares, and whether it is left at one.

Runs once, on the controller, before a host is touched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ansible.plugins.action import ActionBase

ARGUMENTS: dict[str, dict[str, Any]] = {
    "steps": {"type": "list", "elements": "str", "default": []},
    "to": {"type": "int", "default": 0},
    "live": {"type": "list", "elements": "raw", "default": []},
    "found": {"type": "dict", "default": {}},
    "continues": {"type": "bool", "default": False},
}
FORM = "write shares in percent, multiples of 5 below 100, each more than the one before: 5,25,50"
LANE = 5


class Refused(ValueError):
    """What cannot be; carries the next step as its second argument."""


class ActionModule(ActionBase):
    """Runs on the controller alone: it never connects to the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return ``steps``, ``parks`` and, of a canary that goes on, its ``release``."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENTS)
        try:
            if given["continues"]:
                return {"changed": False, **continued(given["to"], given["found"])}
            return {"changed": False, **begun(given["steps"], given["to"], given["live"])}
        except Refused as refused:
            cause, step = refused.args
            told = {"msg": f"{cause}. Next: {step}", "cause": cause, "next_step": step}
            return {"failed": True, "phase": "Preflight", **told}


def begun(steps: list[str], to: int, live: list[str | None]) -> dict[str, Any]:
    """Return the plan of a deploy that begins as a canary.

    Args:
        steps: the shares that it goes through, in percent.
        to: the share at which it is left; 0 for a deploy that goes on to all of the traffic.
        live: the releases that are live now.

    Raises:
        Refused: with what to write instead.
    """
    shares = [_share(step) for step in steps] + ([_share(str(to))] if to else [])
    for before, after in pairwise(shares):
        if before >= after:
            raise Refused(f"a canary does not go from {before} % to {after} %", FORM)
    if to and not any(live):
        raise Refused(
            "nothing is live yet, so there is no traffic to share",
            "deploy once without a canary: invoke deploy --env <env>",
        )
    return {"steps": shares, "parks": to}


def _share(text: str) -> int:
    share = int(text) if text.strip().isdecimal() else 0
    if not 0 < share < 100 or share % LANE:
        raise Refused(f"{text!r} is no share of a canary", FORM)
    return share


def continued(to: int, found: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a canary that was left at a share.

    Args:
        to: 0 aborts it, 100 finishes it, all else is the share that it goes to.
        found: the lease of each host, by its name.

    Raises:
        Refused: with what to do instead.
    """
    if to not in (0, 100):
        _share(str(to))
    parked = {host: held for host, held in found.items() if held and _is_parked(held)}
    plan = {"is_there": bool(parked), "hosts": list(parked)}
    if not to:
        # A host that has gone back already has nothing to lose.
        return {**plan, "release": "", "steps": [], "parks": 0}
    if not parked:
        raise Refused(
            "no canary is under way",
            "begin one: invoke canary --env <env> --to 10 (playbooks/deploy.yml with "
            "-e release_canary_to=10)",
        )
    if gone := sorted(set(found) - set(parked)):
        raise Refused(
            f"{', '.join(gone)} went back already, so the canary is not on all hosts any more",
            "end it: invoke canary --env <env> --abort",
        )
    releases = sorted({str(held["release"]) for held in parked.values()})
    if len(releases) > 1:
        raise Refused(
            f"the hosts have canaries of different releases: {', '.join(releases)}",
            "end them: invoke canary --env <env> --abort",
        )
    steps = [to] if to < 100 else []
    return {**plan, "release": releases[0], "steps": steps, "parks": sum(steps)}


def _is_parked(held: dict[str, Any]) -> bool:
    return bool(held.get("parked") and held["seconds_left"])
