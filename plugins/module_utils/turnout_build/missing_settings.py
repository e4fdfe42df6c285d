"""Name every setting without a value at once, before a host is touched.

Ansible itself stops at the first undefined variable and says neither which setting needed it
nor how to get it. Values are looked at here and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError  # type: ignore[import-untyped]

UNDEFINED = re.compile(r"'([A-Za-z_]\w*)' is undefined")


class Setting:
    """One setting of a host, which can say what it lacks."""

    def __init__(
        self, name: str, variables: Mapping[str, Any], template: Callable[[Any], Any]
    ) -> None:
        self.name = name
        self.variables = variables
        self.template = template

    def leaves(self) -> Iterator[tuple[str, Any, str]]:
        """Yield each plain value as (where it stands, the value, why it has none or '')."""
        if self.name not in self.variables:
            yield self.name, None, "is not set"
            return
        yield from self._walk(self.name, self.variables[self.name])

    def _walk(self, where: str, raw: Any) -> Iterator[tuple[str, Any, str]]:
        if isinstance(raw, str):
            try:
                raw = self.template(raw)
            except AnsibleError as error:
                yield where, None, reason(error)
                return
        if isinstance(raw, dict):
            for key in raw:
                yield from self._walk(f"{where}.{key}", raw[key])
        elif isinstance(raw, list):
            for number, item in enumerate(raw):
                yield from self._walk(f"{where}[{number}]", item)
        else:
            yield where, raw, ""


def reason(error: AnsibleError) -> str:
    """Say why a value cannot be had; Ansible's message names variables, never their values."""
    undefined = UNDEFINED.search(str(error))
    if undefined:
        return f"needs {undefined.group(1)}, which is not set"
    return f"cannot be read: {error}"


def missing(setting: Setting, *, secret: bool) -> list[str]:
    """Describe what a setting lacks, one line for each place."""
    found = []
    for where, value, why in setting.leaves():
        if not why and secret:
            why = secret_trouble(value)
        if why:
            found.append(f"{where} {why}")
    return found


def secret_trouble(value: Any) -> str:
    """Say why a value cannot serve as a secret, or ''."""
    if value is None or value == "":
        return "is empty"
    if "\0" in str(value):
        return "contains a NUL byte, which no environment can hold"
    return ""


def remedy(env: str, problems: list[str], *, secret: bool) -> str:
    """Tell what to do about the problems found."""
    folder = f"inventories/{env}/group_vars/all"
    if secret or any("needs vault_" in problem for problem in problems):
        return (
            f"make the missing secrets with `invoke secrets.init --env {env}`, "
            f"or write them with `ansible-vault edit {folder}/vault.yml`"
        )
    return f"set it in {folder}/app.yml"
