"""The environment on this machine is made when it is asked for: lab, secrets, provision."""

from __future__ import annotations

import hashlib
from pathlib import Path

from turnout import inventory
from turnout.environment import LOCAL, Environment, check_name, files_below
from turnout.paths import CACHE, INVENTORIES, LABS, PLAYBOOKS, REPOSITORY


def ready(env: str) -> Environment:
    """Return the environment ``env``; `local` gets its lab and secrets first.

    Raises:
        TurnoutError, LabError: unknown environment, no vault password, or no lab can be made.
    """
    from turnout.secrets import check_password

    check_name(env)
    if env == LOCAL:
        _make()
    check_password(env)
    return inventory.load(env)


def _make() -> None:
    from turnout import lab
    from turnout.secrets import add_generated, ensure_password, vault_file

    lab.up(lab=inventory.lab_name(), progress=say)
    if not vault_file(LOCAL).exists():
        ensure_password(LOCAL)
        add_generated(LOCAL)
        say(f"Made secrets for {LOCAL}")


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    print(line, flush=True)


def is_provisioned(env: str) -> bool:
    """Say whether all that decides provision is as it was; deploy's preflight asks the hosts."""
    stamp = _stamp(env)
    return stamp.exists() and stamp.read_text() == fingerprint(env)


def remember_provision(env: str) -> None:
    """Keep what the hosts of ``env`` were provisioned with."""
    CACHE.mkdir(parents=True, exist_ok=True)
    _stamp(env).write_text(fingerprint(env))


def fingerprint(env: str) -> str:
    """Return a hash of all that decides what provision does; new VMs have new host keys."""
    digest = hashlib.sha256()
    folders = (REPOSITORY / "roles", REPOSITORY / "plugins", PLAYBOOKS, INVENTORIES / env)
    files = [path for folder in folders for path in _files(folder)]
    for path in filter(Path.exists, (*files, LABS / inventory.lab_name() / "known_hosts")):
        digest.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in files_below(folder)
        if "__pycache__" not in path.parts and path.name != "vault.yml"
    ]


def _stamp(env: str) -> Path:
    return CACHE / f"provision-{env}-{inventory.lab_name()}"
