"""Ask Ansible what an inventory means: its own precedence, templates and vault.

Only `turnout.inventory` calls this, and only when its cache is stale.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from turnout.environment import GROUP, Environment, Host, files_below
from turnout.errors import TurnoutError
from turnout.paths import INVENTORIES, PLAYBOOKS, REPOSITORY, use_library
from turnout.secrets import check_password, vault_file, vault_secrets

# The roles whose variables the playbooks see; what the build needs is one of `release`'s own.
ROLES = ("app", "release")
BUILD = "__release_build_spec"
# What a rollback takes besides the stop and the start of a slot, on a busy host.
REST_SECONDS = 120
# What may be something else the next time, although no file has changed.
LOOKED_UP = re.compile(r"\b(lookup|query|q|now)\s*\(|\|\s*(random|shuffle)\b")


def resolve(name: str) -> Environment:
    """Return the environment ``name`` as Ansible sees it.

    Raises:
        TurnoutError: Ansible cannot read the inventory, or a setting is missing.
    """
    os.environ.setdefault("ANSIBLE_CONFIG", str(REPOSITORY / "ansible.cfg"))
    from ansible.errors import AnsibleError  # type: ignore[import-untyped]

    said = io.TextIOWrapper(io.BytesIO())  # Ansible warns at length of what it then raises
    try:
        with contextlib.redirect_stderr(said):
            return _Inventory(name).environment()
    except AnsibleError as error:
        raise TurnoutError(
            f"Ansible cannot read inventories/{name}.",
            f"{_reason(said, str(error))}\n{_no_yaml(name)}",
            f"ansible-inventory -i inventories/{name} --list shows it in full",
        ) from error


def _reason(said: io.TextIOWrapper, message: str) -> str:
    """Return what an inventory script said itself, else the warnings before ``message``."""
    said.seek(0)
    warnings = said.read()
    script = warnings.partition("Standard error from inventory script:\n")[2]
    return script.partition("\n\n")[0] or warnings + message


def _no_yaml(name: str) -> str:
    """Return the file and line that is no YAML, which Ansible does not tell; '' if all are."""
    for path in _yaml_files(name):
        try:
            yaml.compose(path.read_text())
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            return f"{path.relative_to(INVENTORIES.parent)}, line {line}: {error.problem}"
    return ""


def _yaml_files(name: str) -> list[Path]:
    return [path for path in files_below(INVENTORIES / name) if path.suffix == ".yml"]


class _Inventory:
    """One inventory, loaded, with the vault open and the app's defaults below everything."""

    def __init__(self, name: str) -> None:
        from ansible.inventory.manager import InventoryManager  # type: ignore[import-untyped]
        from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped]
        from ansible.vars.manager import VariableManager  # type: ignore[import-untyped]

        self.name = name
        self.loader = DataLoader()
        self.loader.set_basedir(str(REPOSITORY))
        if vault_file(name).exists():
            check_password(name)
            self.loader.set_vault_secrets(vault_secrets(name))
        self.manager = InventoryManager(loader=self.loader, sources=[str(INVENTORIES / name)])
        self.variables = VariableManager(loader=self.loader, inventory=self.manager)
        self.defaults = self._files(*(f"roles/{role}/defaults/main.yml" for role in ROLES))
        # In the order in which the playbooks let them win over the inventory.
        self.playbook = self._files("roles/app/vars/main.yml", "roles/release/vars/main.yml")

    def _files(self, *names: str) -> dict[str, Any]:
        paths = [REPOSITORY / name for name in names if (REPOSITORY / name).exists()]
        loaded: dict[str, Any] = {}
        for path in paths:
            loaded |= self.loader.load_from_file(str(path), trusted_as_template=True) or {}
        return loaded

    def environment(self) -> Environment:
        hosts = self.manager.groups[GROUP].get_hosts() if GROUP in self.manager.groups else []
        if not hosts:
            return Environment(self.name, app="", hosts=[])
        first = self._values(hosts[0])
        return Environment(
            name=self.name,
            app=str(first("app_name")),
            hosts=[self._host(host.name, self._values(host)) for host in hosts],
            build=first(BUILD),
            targets=first("release_targets"),
            signing_key=str(first("release_signing_key")),
            needs_playbook=self._needs_playbook(first, len(hosts)),
            rollback_seconds=self._rollback_seconds(first),
            revision=self._revision(first),
        )

    def _needs_playbook(self, value: _Values, hosts: int) -> bool:
        """Say whether a rollback has more to do than the hosts can; the address stays unknown."""
        try:
            told = bool(value("release_hooks")) or bool(value("release_webhook_url"))
            batches = hosts > 1 and str(value("release_batch")).rstrip("%") != "0"
            return told or batches or int(value("release_bake_seconds")) > 0
        except TurnoutError:
            return True  # what cannot be had here the playbook will name

    def _rollback_seconds(self, value: _Values) -> int:
        """Add up what a host may wait for while it goes back."""
        try:
            said = value("__release_settings")
            stop = int(value("release_drain_seconds"))
            stop += int(said["gunicorn"]["graceful_timeout_seconds"])
            start = float(said["health"]["start_timeout_seconds"])
            start += float(said["health"]["soak_seconds"])
        except (TurnoutError, ValueError):
            return Environment.rollback_seconds  # the host knows its settings all the same
        return stop + int(start) + REST_SECONDS

    def _revision(self, value: _Values) -> str:
        """Name the configuration as the playbook will; '' where only the playbook can."""
        use_library()
        from turnout_build import BuildError, revision

        if any(LOOKED_UP.search(path.read_text()) for path in self._readable()):
            return ""
        try:
            configuration = {
                "settings": value("__release_settings"),
                "environment": value("__release_environment"),
                "config_files": value("release_config_files"),
            }
            return revision(configuration, value("release_revision_key"))
        except (TurnoutError, BuildError):
            return ""

    def _readable(self) -> Iterator[Path]:
        vault = vault_file(self.name)
        yield from (path for path in _yaml_files(self.name) if path != vault)

    def _values(self, host: Any) -> _Values:
        playbook_dir = {"playbook_dir": str(PLAYBOOKS)}
        known = self.defaults | self.variables.get_vars(host=host) | self.playbook | playbook_dir
        return _Values(self.name, self.loader, known)

    @staticmethod
    def _host(name: str, value: _Values) -> Host:
        return Host(
            name=name,
            address=str(value.get("ansible_host", name)),
            port=int(value.get("ansible_port", 0)) or None,
            user=value.get("ansible_user", None),
            key_file=_expanded(
                value.get("ansible_ssh_private_key_file", None)
                or value.get("ansible_private_key_file", None)
            ),
            ssh_args=" ".join(
                str(value.get(f"ansible_ssh_{kind}_args", "")) for kind in ("common", "extra")
            ).strip(),
            url=str(value.get("app_url", "")),
        )


def _expanded(path: str | None) -> str | None:
    return str(Path(path).expanduser()) if path else None


class _Values:
    """The variables of one host, each templated when it is asked for."""

    def __init__(self, environment: str, loader: Any, known: dict[str, Any]) -> None:
        from ansible.template import Templar  # type: ignore[import-untyped]

        self.environment = environment
        self.known = known
        self.templar = Templar(loader=loader, variables=known)

    def has(self, name: str) -> bool:
        return name in self.known

    def get(self, name: str, default: Any) -> Any:
        return self(name) if self.has(name) else default

    def __call__(self, name: str) -> Any:
        from ansible.errors import AnsibleError

        if not self.has(name):
            raise self._missing(name, "It is not set.")
        try:
            return _plain(self.templar.template(self.known[name]))
        except AnsibleError as error:
            raise self._missing(name, str(error)) from error

    def _missing(self, name: str, why: str) -> TurnoutError:
        return TurnoutError(
            f"The setting {name} of environment {self.environment} has no value.",
            why,
            f"set it in inventories/{self.environment}/group_vars/all/app.yml",
        )


def _plain(value: Any) -> Any:
    """Return ``value`` without Ansible's tags: plain types that JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return "".join(value)
    return value
