#!/usr/bin/env python3
"""Give Ansible the vault password of one environment.

Ansible calls this for every environment that ansible.cfg lists, whichever of them a run is about,
and gives up if none has a password. So an environment that nobody asked for gets a password made up
on the spot, which opens nothing. If the one that was asked for has no good password, none gets one:
Ansible then ends with the reason, and not later with 'Decryption failed'.

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
import stat
import sys
from pathlib import Path

INVENTORIES = Path(__file__).resolve().parent
PASSWORDS = INVENTORIES.parent / ".turnout" / "vault"


class NoPasswordError(Exception):
    """The environment has no usable password.

    Args:
        what: what is wrong with it, and where.
        next_step: what to do about it.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}. Next: {next_step}")
        self.what = what
        self.next_step = next_step


def variable(env: str) -> str:
    """Name the variable that may hold the password: letters, digits and _ only."""
    return "TURNOUT_VAULT_PASSWORD_" + re.sub(r"\W", "_", env).upper()


def password(env: str) -> str:
    """Return the password of an environment.

    Raises:
        NoPasswordError: if there is none, or others could read it.
    """
    return os.environ.get(variable(env), "") or from_file(env, PASSWORDS / env)


def check(env: str) -> None:
    """Make sure that the password of an environment opens its vault, if it has one.

    Raises:
        NoPasswordError: if there is none, others could read it, or it does not open the vault.
    """
    vault = vault_file(env)
    if vault.exists() and not opens(password(env), vault.read_bytes()):
        place = variable(env) if os.environ.get(variable(env)) else PASSWORDS / env
        raise NoPasswordError(
            f"The vault password of {env} in {place} does not open {vault}",
            "put the right one there; the team has it",
        )


def from_file(env: str, path: Path) -> str:
    """Read a password file, refusing one that others can read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise NoPasswordError(
            f"There is no vault password for {env}",
            f"put it into {path} (chmod 600) or into the variable {variable(env)}; the team has it",
        ) from None
    if mode & 0o077:
        raise NoPasswordError(f"Others can read the vault password of {env}", f"chmod 600 {path}")
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        raise NoPasswordError(f"The vault password file of {env} is empty", f"fill {path}")
    return found


def caller() -> str:
    """Return the command line of the program that asks."""
    parent = os.getppid()
    try:
        return Path(f"/proc/{parent}/cmdline").read_text().replace("\0", " ")
    except OSError:
        import subprocess  # late: Ansible starts this for each environment, most often beside /proc

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


def is_named(env: str, command: str) -> bool:
    """Whether the run of ``command`` is about ``env``."""
    asked = f"{command} {os.environ.get('ANSIBLE_INVENTORY', '')}"
    return bool(re.search(rf"inventories/{re.escape(env)}(/|,|\s|$)", asked))


def needed(env: str, command: str) -> list[str]:
    """Return the environments that ``command`` cannot do without when it asks for ``env``.

    What ansible-vault writes must be readable again, so it never gets a made-up password to
    encrypt with.
    """
    if not re.search(r"ansible-vault\s", command):
        names = sorted(
            path.parents[2].name for path in INVENTORIES.glob("*/group_vars/all/vault.yml")
        )
        return [name for name in names if is_named(name, command)]
    if re.search(r"ansible-vault\s+(view|decrypt|edit)\s", command):
        return [env] if is_named(env, command) else []
    chosen = re.search(r"--encrypt-vault-id[= ](\S+)", command)
    return [env] if chosen is None or chosen.group(1) == env else []


def answer(env: str, command: str) -> str:
    """Return the password of ``env``, or one made up where ``command`` can do without.

    Raises:
        NoPasswordError: if ``command`` cannot do without a password that is not there.
    """
    wanted = needed(env, command)
    for name in wanted:
        check(name)
    try:
        return password(env)
    except NoPasswordError:
        if env in wanted:
            raise
        return os.urandom(32).hex()


def main() -> int:
    """Print the password; exit 2 is Ansible's sign for 'not known'."""
    parser = argparse.ArgumentParser(description="Print the vault password of an environment.")
    parser.add_argument("--vault-id", required=True, help="a folder of inventories/")
    env = parser.parse_args().vault_id
    try:
        print(answer(env, caller()))
    except NoPasswordError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
