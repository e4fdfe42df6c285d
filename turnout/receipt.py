"""What a deploy came to for those who asked meanwhile: told, and kept as JSON and a picture."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from turnout.environment import Environment
from turnout.inventory import load
from turnout.paths import REPOSITORY, WORK, use_library
from turnout.reach import HostError

RECEIPTS = WORK / "receipts"
MOST_KEPT = 200
WIDTH = 200  # where no terminal sets one
FIGURES = ("p50_ms", "p99_ms", "longest_gap_ms", "switch_ms", "last_old_answer_ms")

Receipt = dict[str, Any]


def receipt(env: str, *, host: str = "", as_json: bool = False) -> None:
    """Print the latest receipt of each host of ``env``, and keep it here with its picture.

    Args:
        env: the environment's name.
        host: only this host; empty means all.
        as_json: print one JSON document and nothing else.

    Raises:
        HostError: a host does not answer or has no receipt; those of the others are kept.
    """
    from turnout import ssh

    environment = load(env)
    hosts = [environment.host(host)] if host else environment.hosts
    answers = ssh.on_each(hosts, lambda one: ssh.program(one, environment.app, "receipt"))
    found = {name: one for name, one in answers.items() if not isinstance(one, HostError)}
    files = store(env, environment.app, found)
    if as_json:
        print(json.dumps({"env": env, "app": environment.app, "hosts": found}, indent=2))
    else:
        _show(found, files)
    for answer in answers.values():
        if isinstance(answer, HostError):
            raise answer


def kept(environment: Environment, found: dict[str, Receipt]) -> list[str]:
    """Keep what the probes have seen so far, and return the line that says it, if there is one."""
    store(environment.name, environment.app, found)
    return [together(found)] if found else []


def store(env: str, app: str, found: dict[str, Receipt], folder: Path = RECEIPTS) -> list[Path]:
    """Write each host's receipt and its picture, and forget the oldest.

    Args:
        env: the environment's name.
        app: the app's name.
        found: host -> receipt.
        folder: where they are kept.

    Returns:
        The pictures; the JSON lies beside each.
    """
    use_library()
    from turnout_host import picture

    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[Path] = []
    for host, one in found.items():
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(one["began"]))
        file = folder / f"{stamp}-{env}-{host}.json"
        file.write_text(json.dumps(one, indent=1))
        pictures.append(file.with_suffix(".svg"))
        pictures[-1].write_text(picture.draw(one, f"{app} on {host}"), encoding="utf-8")
    for old in sorted(folder.glob("*.json"))[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
        old.with_suffix(".svg").unlink(missing_ok=True)
    return pictures


def together(found: dict[str, Receipt]) -> str:
    """Return one line for all hosts: requests and failures added up, the worst of the rest."""
    use_library()
    from turnout_host import receipt as receipts

    every = list(found.values())
    if len(every) == 1:
        return receipts.words(every[0])
    seen = [one for one in every if one["requests"]]
    if not seen:
        return f"no request seen on any of {len(every)} hosts"
    worst = {key: _worst(seen, key) for key in FIGURES}
    total = {key: sum(one[key] for one in every) for key in ("requests", "failed")}
    worst["back_ms"] = _worst(seen, "back_ms")
    is_finished = all(one["finished"] for one in every)
    said = receipts.words({**seen[0], **total, **worst, "finished": is_finished})
    unseen = f"; no request seen on {len(every) - len(seen)}" if len(seen) < len(every) else ""
    return f"{said} (the worst of {len(seen)} hosts{unseen})"


def _worst(every: list[Receipt], key: str) -> float | None:
    return max((one[key] for one in every if one[key] is not None), default=None)


def _show(found: dict[str, Receipt], files: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    use_library()
    from turnout_host.receipt import duration

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [key.removesuffix("_ms").replace("_", " ") for key in FIGURES]
    for column in ("host", "release", "", "requests", "failed", *names):
        table.add_column(column, justify="left" if len(table.columns) < 3 else "right")
    for host, one in found.items():
        figures = [duration(one[key]) for key in FIGURES]
        numbers = [str(one["requests"]), str(one["failed"])]
        table.add_row(host, one["release"], _state(one), *numbers, *figures)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    if found:
        console.print(table)
    for host, one in found.items():
        if not one["requests"]:
            console.print(f"{host}: {one['words']}")
    for file in files:
        console.print(f"{_shown(file)} (.json beside it)", soft_wrap=True)


def _state(one: Receipt) -> str:
    """Say what the release came to, and whether the probe still runs."""
    outcome = str(one["outcome"] or "under way")
    if one["outcome"] and one["back_ms"] is not None:
        outcome += ", went back"
    measured = "" if one["finished"] or not one["outcome"] else ", still measured"
    return f"{one['action']}: {outcome}{measured}"


def _shown(file: Path) -> str:
    return str(file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file)
