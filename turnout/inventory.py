"""What an environment is: its hosts, how to reach them, and the app's settings.

Ansible resolves all of it, once; what it said is kept in `.turnout/cache/` for as long as
no file that it read has changed, because importing Ansible costs more than a whole `status`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from turnout.errors import TurnoutError
from turnout.paths import CACHE, INVENTORIES, LABS, REPOSITORY

GROUP = "web"
LOCAL = "local"
# Names the lab that `local` is made of, for its inventory script as well.
LAB_VARIABLE = "TURNOUT_LAB"


@dataclass(frozen=True)
class Host:
    """One app host and how to reach it; holds no secret.

    `port` and `user` are None where SSH's own configuration decides.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    ssh_args: str = ""
    url: str = ""


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: a folder below inventories/.
        app: the app's name.
        hosts: where it runs.
        build: what the build library wants to know.
        targets: kinds of host to build for besides those there are.
        signing_key: signs artifacts; empty for none.
        needs_playbook: whether a rollback has a bake, a hook, a webhook or batches, which only the
            playbooks have.
        rollback_seconds: how long one host may take to go back to a release that is not warm.
        revision: names the configuration in a release's name; empty where only a run of the
            playbook can tell, because settings are looked up or missing.
    """

    name: str
    app: str
    hosts: list[Host]
    build: dict[str, Any] = field(default_factory=dict)
    targets: list[dict[str, str]] = field(default_factory=list)
    signing_key: str = ""
    needs_playbook: bool = False
    rollback_seconds: int = 600
    revision: str = ""

    def host(self, name: str) -> Host:
        """Return the host called ``name``.

        Raises:
            TurnoutError: there is none; the message lists those there are.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        raise TurnoutError(
            f"Environment {self.name} has no host {name}.",
            next_step=f"one of: {', '.join(host.name for host in self.hosts)}",
        )


def environment_names() -> list[str]:
    """Return the environments there are: the folders below inventories/."""
    return sorted(path.name for path in INVENTORIES.iterdir() if path.is_dir())


def check_name(name: str) -> None:
    """Raise a `TurnoutError` unless ``name`` is an environment."""
    names = environment_names()
    if name not in names:
        what = f"There is no environment '{name}'." if name else "No environment is named."
        raise TurnoutError(what, next_step=f"pass --env with one of: {', '.join(names)}")


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


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, also of folders that are links: Ansible reads them, too."""
    walked = os.walk(folder, followlinks=True)
    found = (Path(here, name) for here, _, names in walked for name in names)
    return sorted(path for path in found if path.is_file())  # an editor's lock leads nowhere


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
    staged = cache.with_suffix(".new")
    staged.write_text(json.dumps({"key": key, "environment": asdict(environment)}))
    staged.replace(cache)
