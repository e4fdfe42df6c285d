"""What is live where: one question to each host's own program, all hosts at once."""

from __future__ import annotations

import json
import sys
from typing import Any

from turnout.environment import Environment, Host
from turnout.inventory import load
from turnout.reach import HostError

SLOTS = ("blue", "green")
WIDTH = 200  # where no terminal sets one
SECONDS = 20
KEYS = ("live", "release", "slots", "split")


def status(env: str, *, as_json: bool = False) -> bool:
    """Print what is live in ``env``; return whether all hosts answered, and serve one release.

    Args:
        env: the environment's name.
        as_json: print one JSON document and nothing else.

    Raises:
        TurnoutError: the environment cannot be read.
    """
    environment = load(env)
    hosts = ask(environment)
    if as_json:
        print(json.dumps(document(environment, hosts), indent=2))
    else:
        _show(environment, hosts)
    return not any("error" in host for host in hosts) and not is_mixed(hosts)


def ask(
    environment: Environment, verb: str = "status", *, timeout: int = SECONDS
) -> list[dict[str, Any]]:
    """Return one entry for each host: what its program said, or `error` and `next_step`.

    Args:
        environment: whose hosts.
        verb: of the host program.
        timeout: seconds that it may take.
    """
    from turnout import ssh

    answers = ssh.on_each(
        environment.hosts,
        lambda host: ssh.program(host, environment.app, verb, timeout=timeout),
    )
    return [entry(host, answers[host.name]) for host in environment.hosts]


def after(environment: Environment, states: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what `ask` would, of hosts that may have told already with the end of a deploy.

    Args:
        environment: whose hosts.
        states: what each has told, by its name; where one has not, all are asked.
    """
    if all(host.name in states for host in environment.hosts):
        return [entry(host, states[host.name]) for host in environment.hosts]
    from turnout import timings

    with timings.span("Ask what is live"):
        return ask(environment)


def entry(host: Host, answer: dict[str, Any] | HostError) -> dict[str, Any]:
    """Return what `status` tells about one host."""
    known: dict[str, Any] = {"host": host.name, "url": host.url}
    if isinstance(answer, HostError):
        return known | {"error": answer.problem, "why": answer.why, "next_step": answer.next_step}
    return known | answer


def in_words(entry: dict[str, Any]) -> str:
    """Return what is live on one host, in a few words."""
    if "error" in entry:
        return f"no answer: {entry['error']}"
    return f"{entry['release']} is live ({entry['live']})" if entry["live"] else "nothing is live"


def document(environment: Environment, hosts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document that programs read: the promised keys, in the promised order."""
    return {
        "env": environment.name,
        "app": environment.app,
        "hosts": [_promised(host) for host in hosts],
    }


def _promised(host: dict[str, Any]) -> dict[str, Any]:
    keys = ("error", "next_step") if "error" in host else KEYS
    return {key: host[key] for key in ("host", "url", *keys)}


def others(hosts: list[dict[str, Any]]) -> list[str]:
    """Return a line with the releases that can be gone back to, newest first.

    A rollback refuses what any of the hosts has not verified.
    """
    live = {host.get("release") for host in hosts}
    verified = [set(host["verified_releases"]) for host in hosts if "error" not in host]
    kept = set.intersection(*verified) - live if verified else set()
    return [f"Also there: {', '.join(sorted(kept, reverse=True))}"] if kept else []


def parked(host: dict[str, Any]) -> dict[str, Any] | None:
    """Return the lease of a canary that waits for somebody to go on with it, or None."""
    lease = host.get("lease") or {}
    return lease if lease.get("parked") and lease["seconds_left"] else None


def is_mixed(hosts: list[dict[str, Any]]) -> bool:
    """Say whether hosts serve different releases, as far as they answer."""
    return len(_live(hosts)) > 1


def _live(hosts: list[dict[str, Any]]) -> set[str]:
    return {str(host["release"]) for host in hosts if "error" not in host}


def warnings(env: str, hosts: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the fleet as a whole, each with its remedy."""
    told = [_held(env, host) for host in hosts if host.get("lease")]
    told += [
        f"{host['host']}: {host['error']}\n  Next: {host['next_step']}"
        for host in hosts
        if "error" in host
    ]
    if is_mixed(hosts):
        told.append(
            f"Mixed fleet: {', '.join(sorted(_live(hosts)))} are live at the same time.\n"
            f"  Next: invoke deploy --env {env} makes it whole"
        )
    return told


def _held(env: str, host: dict[str, Any]) -> str:
    lease, canary = host["lease"], parked(host)
    if canary:
        return (
            f"{host['host']}: a canary is left at {canary['parked']} % by {canary['owner']}; it "
            f"goes back by itself in {canary['seconds_left'] // 60} min\n"
            f"  Next: invoke canary --env {env} --to PERCENT, --finish or --abort"
        )
    if lease["seconds_left"]:
        return f"{host['host']}: {lease['owner']} is changing it ({lease['reason']})"
    return (
        f"{host['host']}: the {lease['reason']} of {lease['owner']} died; the host goes back by "
        f"itself\n  Next: invoke recover --env {env} does it now"
    )


def _show(environment: Environment, hosts: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", "live", "release", *SLOTS, "address"):
        table.add_column(column, overflow="fold", no_wrap=column in ("host", "address"))
    for host in hosts:
        table.add_row(*cells(host))
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(f"{environment.app} in {environment.name}")
    console.print(table)
    for line in others(hosts):
        console.print(line)
    for warning in warnings(environment.name, hosts):
        console.print(Text(warning, style="red"))


def cells(host: dict[str, Any]) -> list[str]:
    """Return the words of one row: what a person wants to know of one host."""
    if "error" in host:
        return [host["host"], "?", "no answer", "", "", host["url"]]
    return [
        host["host"],
        host["live"] or "none",
        host["release"] or "nothing deployed yet",
        *(_slot(host, slot) for slot in SLOTS),
        host["url"],
    ]


def _slot(host: dict[str, Any], slot: str) -> str:
    facts, share = host["slots"].get(slot, {}), host["split"].get(slot, 0)
    state = facts.get("state", "empty")
    words = [state] if share in (0, 100) else [state, f"{share}%"]
    if facts.get("release") and slot != host["live"]:
        words.append(facts["release"])
    return " ".join(words)
