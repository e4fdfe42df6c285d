"""What the files of an environment come to.

Ansible resolves them, once; what it said is kept in `.turnout/cache/` for as long as
no file that it read has changed, because importing Ansible costs more than a whole `status`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from turnout.environment import GROUP, LOCAL, Environment, Host, check_name, files_below
from turnout.errors import TurnoutError
from turnout.paths import CACHE, INVENTORIES, LABS, REPOSITORY

# Names the lab that `local` is made of, for its inventory script as well.
LAB_VARIABLE = "TURNOUT_LAB"


def load(name: str) -> Environment:
    """Return the environment ``name``, from the cache when nothing it rests on has changed.

    Raises:
        TurnoutError: unknown environment, a missing setting, no host, or an inventory that
            Ansible refuses.
    """
    check_name(name)
    _check_lab(name)
    key, cache = fingerprint(sources(name)), CACHE / f"inventory-{name}.json"
    environment = _from_cache(cache, key)
    if environment is None:
        from turnout.resolve import resolve

        environment = resolve(name)
        _to_cache(cache, key, environment)
    if not environment.hosts:
        raise TurnoutError(
            f"Environment {name} has no host in the group '{GROUP}'.",
            next_step="invoke deploy --env local makes one"
            if name == LOCAL
            else f"add hosts to inventories/{name}/hosts.yml",
        )
    return environment


def lab_name() -> str:
    """Return the lab that `local` is made of."""
    return os.environ.get(LAB_VARIABLE) or LOCAL


def _check_lab(name: str) -> None:
    """Without a lab the inventory script of `local` has nothing to say."""
    lab = lab_name()
    if name == LOCAL and not (LABS / lab / "lab.json").exists():
        raise TurnoutError(
            f"There is no lab '{lab}' on this machine yet.",
            next_step="invoke deploy --env local makes one and deploys to it",
        )


def sources(name: str) -> Iterator[Path]:
    """Yield every file that decides what the environment ``name`` resolves to."""
    yield from files_below(INVENTORIES / name)
    yield from sorted(INVENTORIES.glob("*.py"))
    yield from sorted(LABS.glob("*/lab.json")) if name == LOCAL else ()
    for role in ("app", "release"):
        yield from sorted((REPOSITORY / "roles" / role).glob("[dv]*/main.yml"))
    yield REPOSITORY / "ansible.cfg"
    yield Path(__file__).with_name("resolve.py")


def fingerprint(paths: Iterator[Path]) -> str:
    """Return a hash of the paths, times and sizes of ``paths``; missing files are left out."""
    digest = hashlib.sha256()
    digest.update(f"{lab_name()}\n".encode())
    for path in paths:
        if "__pycache__" in path.parts or not path.exists():
            continue
        facts = path.stat()
        digest.update(f"{path}\0{facts.st_mtime_ns}\0{facts.st_size}\n".encode())
    return digest.hexdigest()


def _from_cache(cache: Path, key: str) -> Environment | None:
    try:
        kept = json.loads(cache.read_text())
        if kept["key"] != key:
            return None
        hosts = [Host(**host) for host in kept["environment"].pop("hosts")]
        return Environment(hosts=hosts, **kept["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent, or written by another version: Ansible knows


def _to_cache(cache: Path, key: str, environment: Environment) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: another command may be writing the same.
    staged = cache.with_suffix(f".{os.getpid()}.new")
    staged.write_text(json.dumps({"key": key, "environment": asdict(environment)}))
    staged.replace(cache)
