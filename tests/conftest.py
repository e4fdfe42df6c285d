"""What the tests of the roles share; the one file that touches Ansible's templating."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import turnout_host
from turnout import github, stages

REPOSITORY = Path(__file__).parents[1]
ROLES = REPOSITORY / "roles"

# There modules find what Ansible sends with them.
sys.modules.setdefault("ansible.module_utils.turnout_host", turnout_host)

Render = Callable[..., str]
Values = Callable[..., Any]


pytest_plugins = ["tests.sharing"]


def pytest_configure() -> None:
    """Verbs that a test runs speak to the test, not to the service that runs the tests."""
    for name in (github.WATCHING, github.PAGE, stages.REPORT):
        os.environ.pop(name, None)
    # What a process of tests has imported stays, and going through all of it again and again took
    # a tenth of its time.
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.freeze()


@cache
def load_yaml(path: Path) -> Any:
    """Return a YAML file as Ansible reads it, or {} where there is none; not to be changed."""
    if not path.exists():
        return {}
    from ansible.parsing.dataloader import DataLoader

    return DataLoader().load_from_file(str(path), trusted_as_template=True) or {}


def load_role_file(role: str, name: str) -> Any:
    """Return one YAML file of a role."""
    return load_yaml(ROLES / role / name)


@pytest.fixture
def render() -> Render:
    """Render a role's template with the role's own defaults and variables, and what is given."""

    def rendered(role: str, template: str, **variables: Any) -> str:
        known = {
            "ansible_managed": "Ansible managed",
            **load_role_file(role, "defaults/main.yml"),
            **load_role_file(role, "vars/main.yml"),
            **variables,
        }
        from ansible.template import trust_as_template

        text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
        return str(_templated(trust_as_template(text), known, escape_backslashes=False))

    return rendered


@pytest.fixture
def values() -> Values:
    """Return what a variable of a role comes to, with what else is given."""

    def value(role: str, name: str, **variables: Any) -> Any:
        known = {
            **load_role_file(role, "defaults/main.yml"),
            **load_role_file(role, "vars/main.yml"),
            **variables,
        }
        return _templated(known[name], known)

    return value


def _templated(what: Any, known: dict[str, Any], **options: Any) -> Any:
    # Takes a fifth of a second to import, which the process that counts never needs.
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

    return Templar(loader=DataLoader(), variables=known).template(what, **options)
