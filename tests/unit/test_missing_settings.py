"""A setting without a value is named with its remedy, and no value is ever shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from turnout_build.missing_settings import Setting, missing, remedy


def setting(name: str, **variables: Any) -> Setting:
    trusted = {key: trust(value) for key, value in variables.items()}
    return Setting(name, trusted, Templar(loader=DataLoader(), variables=trusted).template)


def trust(value: Any) -> Any:
    """Mark text as Ansible marks what it reads from an inventory."""
    if isinstance(value, dict):
        return {key: trust(item) for key, item in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def test_a_setting_that_nobody_set_is_named() -> None:
    assert missing(setting("app_entry"), secret=False) == ["app_entry is not set"]


def test_the_variable_behind_a_secret_is_named() -> None:
    secrets = setting("app_secrets", app_secrets={"KEY": "{{ vault_key }}", "OK": "x"})

    assert missing(secrets, secret=True) == ["app_secrets.KEY needs vault_key, which is not set"]


def test_variables_are_followed_to_the_last_one() -> None:
    secrets = setting("app_secrets", app_secrets={"KEY": "{{ a }}"}, a="{{ vault_key }}")

    assert missing(secrets, secret=True) == ["app_secrets.KEY needs vault_key, which is not set"]


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_secret_is_missing(value: Any) -> None:
    secrets = setting("app_secrets", app_secrets={"KEY": "{{ vault_key }}"}, vault_key=value)

    assert missing(secrets, secret=True) == ["app_secrets.KEY is empty"]


def test_a_secret_no_environment_can_hold_is_refused_unseen() -> None:
    found = missing(setting("app_secrets", app_secrets={"KEY": "hidden\0"}), secret=True)

    assert "NUL" in found[0]
    assert "hidden" not in found[0]


def test_an_empty_plain_value_is_a_value() -> None:
    assert missing(setting("app_env", app_env={"DEBUG": ""}), secret=False) == []


def test_missing_secrets_are_made_by_secrets_init() -> None:
    assert "invoke secrets.init --env prod" in remedy("prod", ["x is empty"], secret=True)


def test_a_missing_setting_is_set_in_the_file_of_the_environment() -> None:
    told = remedy("prod", ["app_entry is not set"], secret=False)

    assert told == "set it in inventories/prod/group_vars/all/app.yml"
