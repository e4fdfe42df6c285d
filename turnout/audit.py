"""What on the hosts was changed by hand: one question to each host's own program, all at once."""

from __future__ import annotations

import json
import sys
from typing import Any

from turnout.environment import Environment
from turnout.inventory import load
from turnout.status import WIDTH, ask

# Every file of every release is read.
SECONDS = 300
COLUMNS = ("kind", "what", "since", "path")


def audit(env: str, *, as_json: bool = False) -> bool:
    """Print what in ``env`` is not as it was shipped; return whether everything is.

    Args:
        env: the environment's name.
        as_json: print one JSON document and nothing else.

    Raises:
        TurnoutError: the environment cannot be read.
    """
    environment = load(env)
    hosts = ask(environment, "audit", timeout=SECONDS)
    if as_json:
        print(json.dumps(document(environment, hosts), indent=2))
    else:
        _show(environment, hosts)
    return not any("error" in host or host["differences"] for host in hosts)


def document(environment: Environment, hosts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document that programs read: the promised keys, in the promised order."""
    return {
        "env": environment.name,
        "app": environment.app,
        "hosts": [_promised(host) for host in hosts],
    }


def _promised(host: dict[str, Any]) -> dict[str, Any]:
    keys = ("error", "next_step") if "error" in host else ("under_way", "differences")
    return {key: host[key] for key in ("host", *keys)}


def summary(environment: Environment, hosts: list[dict[str, Any]]) -> str:
    """Return the one line that is all there is to say when nothing differs."""
    where = f"{environment.app} in {environment.name}"
    count = sum(len(host.get("differences", ())) for host in hosts)
    answered = sum("error" not in host for host in hosts)
    of = f"{answered} of {len(hosts)} hosts" if answered < len(hosts) else hosts_in_words(answered)
    if count:
        return f"{where}: {count} {'difference' if count == 1 else 'differences'} on {of}"
    return f"{where}: as it was shipped, on {of}"


def hosts_in_words(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def notes(hosts: list[dict[str, Any]]) -> list[str]:
    """Return what a reader must know beside the differences."""
    under_way = [
        f"{host['host']}: a deploy is under way, so its links were not looked at"
        for host in hosts
        if host.get("under_way")
    ]
    return under_way + [
        f"{host['host']}: {host['error']}\n  Next: {host['next_step']}"
        for host in hosts
        if "error" in host
    ]


def _show(environment: Environment, hosts: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    for host in hosts:
        if not host.get("differences"):
            continue
        table = Table(box=None, pad_edge=False, header_style="bold", title=host["host"])
        table.title_justify = "left"
        for column in COLUMNS:
            table.add_column(column, overflow="fold", no_wrap=column != "path")
        for one in host["differences"]:
            # A path is no markup, whatever brackets are in it.
            table.add_row(*(Text(one[column]) for column in COLUMNS))
        console.print(table)
    for note in notes(hosts):
        console.print(Text(note, style="red"))
    console.print(Text(summary(environment, hosts)))
    if any(host.get("differences") for host in hosts):
        console.print(Text(_next(environment.name)))


def _next(env: str) -> str:
    return (
        f"Next: invoke provision --env {env} puts back units, site and settings; a release is put "
        "right by the next deploy of another one. docs/audit.md tells more"
    )
