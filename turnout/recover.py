"""Make an environment whole after a deploy that died, or free it from one that hangs."""

from __future__ import annotations

import sys
from typing import Any

from turnout import ssh, status
from turnout.environment import Environment
from turnout.errors import TurnoutError
from turnout.inventory import load
from turnout.paths import use_library
from turnout.reach import HostError

Entry = dict[str, Any]
# A host that goes back may have to start a release first.
SECONDS = 180


def recover(env: str) -> None:
    """Put right what a dead deploy or rollback left on the hosts of ``env``.

    Each host goes back to what was live before it. A deploy that is still alive is left alone.
    Where the hosts then run different releases, those ahead go back to the newest one that all of
    them have verified.

    Args:
        env: the environment's name.

    Raises:
        TurnoutError: a host does not answer, somebody is at work there, or the fleet stays mixed.
    """
    environment = load(env)
    _free(environment, status.ask(environment), force=False)
    _make_whole(environment)


def unlock(env: str, *, yes: bool = False) -> None:
    """End whosever lease it is and put right what its deploy left; asks first.

    Args:
        env: the environment's name.
        yes: do not ask.

    Raises:
        TurnoutError: nobody says yes, or a host does not answer.
    """
    environment = load(env)
    entries = status.ask(environment)
    held = [entry for entry in entries if entry.get("lease")]
    for entry in held:
        print(f"{entry['host']}: {_holder(entry)}")
    if held and not yes and not _confirmed(env):
        raise TurnoutError(
            f"{env} was left as it is.", next_step="invoke unlock --yes does not ask"
        )
    _free(environment, entries, force=True)
    _make_whole(environment)


def after_cancel(environment: Environment) -> None:
    """Clean up behind a deploy that was cancelled here; what cannot be done now heals by itself."""
    try:
        _free(environment, status.ask(environment), force=False)
    except TurnoutError as error:
        print(f"The hosts will go back by themselves; now: {error}", file=sys.stderr)


def _answers(environment: Environment) -> list[Entry]:
    entries = status.ask(environment)
    for entry in entries:
        if "error" in entry:
            raise _said(entry)
    return entries


def _said(entry: Entry) -> HostError:
    return HostError(entry["host"], entry["error"], entry["why"], entry["next_step"])


def _free(environment: Environment, entries: list[Entry], *, force: bool) -> None:
    """Free every host that answers, whoever else does not.

    Raises:
        HostError: one does not answer, or will not.
    """
    words = ["--force"] if force else _dead(entries)
    silent = [entry for entry in entries if "error" in entry]
    names = {entry["host"] for entry in silent}
    answers = ssh.on_each(
        [host for host in environment.hosts if host.name not in names],
        lambda host: ssh.program(host, environment.app, "recover", *words, timeout=SECONDS),
    )
    failed = []
    for name, answer in answers.items():
        if isinstance(answer, HostError):
            failed.append(answer)
        else:
            print(f"{name}: {_done(answer)}", flush=True)
    failed += [_said(entry) for entry in silent]
    if failed:
        raise failed[0]


def _dead(entries: list[Entry]) -> list[str]:
    """Return the option that names the owners of this machine that are no more."""
    use_library()
    from turnout_build import leases

    found = {entry["host"]: entry["lease"] for entry in entries if "error" not in entry}
    return [word for one in leases.dead_owners(found) for word in ("--dead", one)]


def _make_whole(environment: Environment) -> None:
    entries = _answers(environment)
    if len({entry["release"] for entry in entries}) == 1:
        return
    common = set.intersection(*(set(entry["verified_releases"]) for entry in entries))
    newest = [name for name in entries[0]["verified_releases"] if name in common][-1:]
    if not newest:
        raise TurnoutError(
            f"The hosts of {environment.name} run different releases, and none that all have.",
            next_step=f"invoke deploy --env {environment.name} makes the fleet whole",
        )
    for entry in entries:
        if entry["release"] != newest[0]:
            host = environment.host(entry["host"])
            words = ("rollback", "--release", newest[0])
            ssh.program(host, environment.app, *words, timeout=SECONDS)
            print(f"{host.name}: went back to {newest[0]}, which every host has verified")


def _holder(entry: Entry) -> str:
    lease = entry["lease"]
    left = f"{lease['seconds_left']} s left" if lease["seconds_left"] else "over"
    return f"{lease['owner']} ({lease['reason']}, {left})"


def _done(answer: Entry) -> str:
    live = (
        f"{answer['release']} is live ({answer['live']})" if answer["live"] else "nothing is live"
    )
    if answer["reverted"]:
        who, reached = answer["owner"] or "a dead deploy", answer["reached"]
        return f"put right what {who} left, which died {reached}; {live}"
    return f"ended the lease of {answer['owner']}; {live}" if answer["owner"] else live


def _confirmed(env: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"Take {env} from them and put right what they left? [y/N] ").lower() == "y"
