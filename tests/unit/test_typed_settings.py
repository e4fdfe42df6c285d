"""A setting of the wrong type is named with what to write, and a secret is never shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import load_role_file
from turnout_build.typed_settings import problems, remedy

SPEC = load_role_file("app", "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def told(name: str, value: Any) -> str:
    return "\n".join(problems(name, value, SPEC[name]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_entry", "app:app"),
        ("app_workers", 3),
        ("app_workers", "3"),  # as -e gives it
        ("app_allow_dirty", True),
        ("app_allow_dirty", "yes"),
        ("app_hostnames", ["a.example", "b.example"]),
        ("app_env", {"A": 1}),
        ("app_health", {"path": "/", "statuses": [200, "302"], "timeout_seconds": 0.5}),
        ("app_static", [{"url": "/s/", "path": "static"}]),
        ("app_migrate_on", "every_host"),
    ],
)
def test_a_value_that_fits_is_no_problem(name: str, value: Any) -> None:
    assert told(name, value) == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("app_entry", ["app"], "app_entry is ['app']: write text, in quotes"),
        ("app_python", 3.11, "app_python is 3.11: write text, in quotes"),
        ("app_workers", "many", "app_workers is 'many': write a whole number"),
        ("app_workers", True, "app_workers is True: write a whole number"),
        ("app_allow_dirty", "maybe", "app_allow_dirty is 'maybe': write true or false"),
        ("app_hostnames", "a.example", "app_hostnames is 'a.example': write a list"),
        ("app_hostnames", [1], "app_hostnames[0] is 1: write text"),
        ("app_env", None, "app_env is empty: write names and values"),
        ("app_env", ["A=1"], "app_env is ['A=1']: write names and values"),
        ("app_health", {"status": 200}, "app_health.status is unknown: write one of path, host"),
        ("app_health", {"statuses": ["ok"]}, "app_health.statuses[0] is 'ok': write a whole"),
        ("app_health", {"scheme": "ftp"}, "app_health.scheme is 'ftp': write one of http, https"),
        ("app_static", [{"url": "/s/"}], "app_static[0].path is not set: write text"),
        ("app_migrate_on", "never", "app_migrate_on is 'never': write one of once, every_host"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_to_write(
    name: str, value: Any, said: str
) -> None:
    assert said in told(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_secrets", "hidden"),
        ("app_revision_key", ["hidden"]),
        ("app_config_files", [{"dest": "a", "content": ["hidden"]}]),
    ],
)
def test_a_secret_of_the_wrong_type_is_named_and_not_shown(name: str, value: Any) -> None:
    found = told(name, value)

    assert name in found
    assert "hidden" not in found


def test_permissions_without_quotes_are_refused_since_yaml_reads_them_as_another_number() -> None:
    file = {"dest": "a", "content": "", "mode": 0o440}

    assert "app_config_files[0].mode" in told("app_config_files", [file])


def test_remedy_names_the_file_and_where_the_setting_is_described() -> None:
    words = remedy("prod", "app")

    assert "inventories/prod/group_vars/all/app.yml" in words
    assert "ansible-doc -t role app" in words
