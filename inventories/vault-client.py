#!/usr/bin/env python3
"""Give Ansible the vault password of one environment.

Ansible calls this for every environment that ansible.cfg lists, whichever of them a run is about,
and gives up if none has a password. So an environment that nobody asked for gets a password made up
on the spot, which opens nothing; the one that was asked for gets a clear error instead.

The password of environment `prod` is looked for in
  1. the variable TURNOUT_VAULT_PASSWORD_PROD (for CI),
  2. the file .turnout/vault/prod of the repository, readable by its owner alone.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import re
import secrets
import stat
import subprocess
import sys
from pathlib import Path

INVENTORIES = Path(__file__).resolve().parent
PASSWORDS = INVENTORIES.parent / ".turnout" / "vault"


class NoPasswordError(Exception):
    """The environment has no usable password; the message says what to do."""


def variable(env: str) -> str:
    """Name the variable that may hold the password: letters, digits and _ only."""
    return "TURNOUT_VAULT_PASSWORD_" + re.sub(r"\W", "_", env).upper()


def password(env: str) -> str:
    """Return the password of an environment.

    Raises:
        NoPasswordError: if there is none, others could read it, or it does not open the vault.
    """
    given = os.environ.get(variable(env), "")
    found, place = (given, variable(env)) if given else (from_file(env, PASSWORDS / env), "")
    vault = vault_file(env)
    if is_named(env) and vault.exists() and not opens(found, vault.read_bytes()):
        raise NoPasswordError(
            f"the vault password of {env} in {place or PASSWORDS / env} does not open {vault}: "
            "ask the team for the right one"
        )
    return found


def from_file(env: str, path: Path) -> str:
    """Read a password file, refusing one that others can read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise NoPasswordError(
            f"no vault password for {env}: put it into {path} (chmod 600) or into the variable "
            f"{variable(env)}; for new secrets run: invoke secrets.init --env {env}"
        ) from None
    if mode & 0o077:
        raise NoPasswordError(f"others can read the vault password of {env}: chmod 600 {path}")
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        raise NoPasswordError(f"the vault password file of {env} is empty: {path}")
    return found


def caller() -> str:
    """Return the command line of the program that asks."""
    parent = os.getppid()
    try:
        return Path(f"/proc/{parent}/cmdline").read_text().replace("\0", " ")
    except OSError:
        ps = ["ps", "-o", "args=", "-p", str(parent)]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout


def vault_file(env: str) -> Path:
    """Return where an environment keeps its secrets."""
    return INVENTORIES / env / "group_vars" / "all" / "vault.yml"


def opens(secret: str, content: bytes) -> bool:
    """Whether a password opens a vault file; what is no such file is none of our business.

    Ansible's own message for a wrong password names neither the file nor the environment.
    """
    header, _, body = content.partition(b"\n")
    if not header.startswith(b"$ANSIBLE_VAULT;") or header.split(b";")[2:3] != [b"AES256"]:
        return True
    parts = bytes.fromhex(body.decode().replace("\n", "")).split(b"\n")
    salt, digest, sealed = (bytes.fromhex(part.decode()) for part in parts)
    keys = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, 10000, 80)
    return hmac.compare_digest(hmac.digest(keys[32:64], sealed, "sha256"), digest)


def is_named(env: str) -> bool:
    """Whether this run is about ``env``."""
    asked = f"{caller()} {os.environ.get('ANSIBLE_INVENTORY', '')}"
    return bool(re.search(rf"inventories/{re.escape(env)}(/|,|\s|$)", asked))


def is_needed(env: str) -> bool:
    """Whether this run cannot do without the password of ``env``.

    What ansible-vault writes must be readable again, so it never gets a made-up password to
    encrypt with.
    """
    command = caller()
    if not re.search(r"ansible-vault\s", command):
        return is_named(env) and vault_file(env).exists()
    if re.search(r"ansible-vault\s+(view|decrypt|edit)\s", command):
        return is_named(env)
    chosen = re.search(r"--encrypt-vault-id[= ](\S+)", command)
    return chosen is None or chosen.group(1) == env


def main() -> int:
    """Print the password; exit 2 is Ansible's sign for 'not known'."""
    parser = argparse.ArgumentParser(description="Print the vault password of an environment.")
    parser.add_argument("--vault-id", required=True, help="a folder of inventories/")
    env = parser.parse_args().vault_id
    try:
        print(password(env))
    except NoPasswordError as error:
        if is_needed(env):
            print(error, file=sys.stderr)
            return 2
        print(secrets.token_urlsafe(32))
    return 0


if __name__ == "__main__":
    sys.exit(main())
