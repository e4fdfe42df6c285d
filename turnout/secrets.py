"""The secrets of an environment: Ansible Vault files, generated values, and the password.

Values never reach the command line, a log or the screen; only names do.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets as generator
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from turnout import vault_text
from turnout.environment import check_name
from turnout.errors import TurnoutError
from turnout.paths import INVENTORIES, REPOSITORY, VAULT_PASSWORDS

# Random values that nobody has to know; everything else the team fills in.
GENERATED = ("vault_secret_key", "vault_revision_key")
CLIENT = INVENTORIES / "vault-client.py"
_NAME = re.compile(r"\bvault_[a-z0-9_]+\b")


class SecretsError(TurnoutError):
    """The secrets of an environment cannot be read or written."""


def init(env: str) -> None:
    """Make what is missing: the password, the vault, the generated values; keep what is there.

    Args:
        env: the environment's name.

    Raises:
        SecretsError: there is a vault but no password, or the password does not open it.
    """
    check_name(env)
    fresh = ensure_password(env)
    added = add_generated(env)
    print(f"{_shown(vault_file(env))}: " + (f"added {', '.join(added)}" if added else "complete"))
    if fresh:
        print(
            f"The password is in {_shown(password_file(env))}. Keep a copy in a safe place and "
            f"share it with the team: without it the secrets are lost."
        )
    for name in missing(env):
        print(f"{name} has no value yet; invoke secrets.edit --env {env} sets it")


def add_generated(env: str) -> list[str]:
    """Add the generated values that the vault lacks; return their names.

    Raises:
        SecretsError: the vault cannot be read, or would not keep its other values.
    """
    known = _values(env, read(env))
    added = [name for name in GENERATED if not known.get(name)]
    if added:
        _generate(env, added)
    return added


def rotate(env: str, name: str) -> None:
    """Replace a generated value by a new one; the next deploy ships it.

    Raises:
        SecretsError: ``name`` is not a generated value, or it cannot be replaced on its own.
    """
    check_name(env)
    if name not in GENERATED:
        raise SecretsError(
            f"{name or 'No name'} cannot be rotated: only {', '.join(GENERATED)} are generated.",
            next_step=f"change it with invoke secrets.edit --env {env}",
        )
    _generate(env, [name])
    print(f"{name} of {env} is new; invoke deploy --env {env} takes it to the hosts")


def edit(env: str) -> None:
    """Open the vault in $EDITOR through ansible-vault."""
    check_name(env)
    if not vault_file(env).exists():
        init(env)
    tool = Path(sys.executable).with_name("ansible-vault")
    command = [str(tool), "edit", "--encrypt-vault-id", env, str(vault_file(env))]
    if subprocess.run(command, cwd=REPOSITORY).returncode != 0:
        raise SecretsError(f"The secrets of {env} were not changed: ansible-vault edit failed.")
    for name in missing(env):
        print(f"{name} has no value yet")


def show(env: str, *, names: bool = False) -> None:
    """Print the names of the secrets and whether each has a value; never a value."""
    check_name(env)
    known = _values(env, read(env))
    absent = missing(env)
    for name in sorted({*known, *absent}):
        print(name if names else f"{name}  {'missing' if name in absent else 'set'}")


def missing(env: str) -> list[str]:
    """Return the `vault_*` names that the inventory refers to and that have no value."""
    known = _values(env, read(env))
    wanted = {name for path in _readable(env) for name in _NAME.findall(path.read_text())}
    return sorted(name for name in wanted | set(GENERATED) if known.get(name) in (None, ""))


def read(env: str) -> str:
    """Return the decrypted text of the vault, '' when there is none yet.

    Raises:
        SecretsError: no password, or a wrong one.
    """
    from ansible.errors import AnsibleError  # type: ignore[import-untyped]

    path = vault_file(env)
    if not path.exists():
        return ""
    data = path.read_bytes()
    if not data.startswith(b"$ANSIBLE_VAULT;"):
        raise SecretsError(
            f"{_shown(path)} is not encrypted.",
            next_step=f"ansible-vault encrypt --encrypt-vault-id {env} {_shown(path)}",
        )
    try:
        return bytes(_vault(env).decrypt(data)).decode()
    except AnsibleError as error:
        raise SecretsError(
            f"The password of {env} does not open {_shown(path)}.",
            str(error).splitlines()[0],
            f"put the right one into {_shown(password_file(env))} or into {variable(env)}",
        ) from None


def write(env: str, text: str) -> None:
    """Encrypt ``text`` into the vault, in one rename."""
    path = vault_file(env)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(".vault.yml.new")
    staged.write_bytes(_vault(env).encrypt(text, vault_id=env))
    staged.replace(path)


def ensure_password(env: str) -> bool:
    """Make a password for an environment that has neither one nor a vault; return whether made."""
    if password(env) or vault_file(env).exists():
        return False
    path = password_file(env)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(generator.token_urlsafe(32) + "\n")
    return True


def password(env: str) -> str:
    """Return the vault password of ``env``, '' when there is none; same sources as Ansible's."""
    value = os.environ.get(variable(env), "")
    path = password_file(env)
    return value or (path.read_text().strip() if path.exists() else "")


def check_password(env: str) -> None:
    """Make sure that the vault opens, in the words of the client that Ansible asks.

    Raises:
        SecretsError: no password, one that others can read, or a wrong one.
    """
    if not vault_file(env).exists():
        return
    spec = importlib.util.spec_from_file_location("vault_client", CLIENT)
    if spec is None or spec.loader is None:
        raise SecretsError(f"{_shown(CLIENT)} is missing.", next_step="restore it from git")
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    try:
        client.check(env)
    except client.NoPasswordError as error:
        raise SecretsError(f"{error.what}.", next_step=error.next_step) from None


def variable(env: str) -> str:
    """Return the name of the environment variable that may hold the password."""
    return "TURNOUT_VAULT_PASSWORD_" + re.sub(r"\W", "_", env).upper()


def password_file(env: str) -> Path:
    """Return where the password of ``env`` is kept on this machine."""
    return VAULT_PASSWORDS / env


def vault_file(env: str) -> Path:
    """Return the encrypted file of ``env``."""
    return INVENTORIES / env / "group_vars/all/vault.yml"


def vault_secrets(env: str) -> list[tuple[str, Any]]:
    """Return the password of ``env`` the way Ansible's vault takes it.

    Raises:
        SecretsError: there is none.
    """
    from ansible.parsing.vault import VaultSecret  # type: ignore[import-untyped]

    value = password(env)
    if not value:
        raise SecretsError(
            f"There is no vault password for {env}.",
            next_step=f"put it into {_shown(password_file(env))} (mode 0600) or into "
            f"{variable(env)}; the team has it",
        )
    return [(env, VaultSecret(value.encode()))]


def _generate(env: str, names: list[str]) -> None:
    """Give new values to these names, and write the vault if all others have kept theirs."""
    text = read(env)
    known = _values(env, text)
    fresh = {name: generator.token_urlsafe(48) for name in names}
    changed = vault_text.with_values(text, fresh)
    if vault_text.parsed(changed) != {**known, **fresh}:
        raise SecretsError(
            f"{', '.join(names)} cannot be set in {_shown(vault_file(env))} by a program.",
            "another value would change with it, so nothing was written",
            f"write each as name: value on a line of its own with invoke secrets.edit --env {env}",
        )
    write(env, changed)


def _vault(env: str) -> Any:
    from ansible.parsing.vault import VaultLib

    return VaultLib(vault_secrets(env))


def _values(env: str, text: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise SecretsError(  # without the text around it: that is a secret
            f"The decrypted {_shown(vault_file(env))} is not YAML"
            f"{f', line {where.line + 1}' if where else ''}.",
            next_step=f"invoke secrets.edit --env {env}",
        ) from None
    if not isinstance(values, dict):
        raise SecretsError(f"{_shown(vault_file(env))} must hold names and values.")
    return values


def _readable(env: str) -> list[Path]:
    files = sorted((INVENTORIES / env).rglob("*.yml"))
    return [path for path in files if path != vault_file(env)]


def _shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
