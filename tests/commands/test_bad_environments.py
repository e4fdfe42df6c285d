"""A mistake in an environment ends in one clear error, before any host is asked.

The hosts of these environments have names that nobody has: whoever asked them would say so.
"""

from __future__ import annotations

import pytest

from tests.clone import PASSWORD, Clone, assert_no_host_was_asked, assert_one_error

PROD = "inventories/prod"


@pytest.mark.parametrize("verb", ["deploy", "provision", "rollback", "status", "build"])
def test_unknown_environment_is_answered_with_those_there_are(clone: Clone, verb: str) -> None:
    ran = clone.invoke(verb, "--env", "prd")

    assert_one_error(ran, "There is no environment 'prd'", "local, prod, staging")


def test_unknown_environment_is_named_by_plain_ansible(clone: Clone) -> None:
    ran = clone.ansible("deploy", "-i", "inventories/prd")

    assert ran.code != 0
    assert "inventories/prd" in ran.output.rstrip().splitlines()[-1]


def test_forgotten_inventory_is_told_though_ansible_calls_it_a_success(clone: Clone) -> None:
    ran = clone.ansible("deploy")

    assert "deploy did nothing" in ran.error()
    assert ran.output.rstrip().endswith("Next: name an environment: -i inventories/<env>")


def test_missing_setting_is_named_with_its_file(clone: Clone) -> None:
    with clone.changed(f"{PROD}/group_vars/all/app.yml", "app_entry:", "app_entri:"):
        ran = clone.invoke("deploy", "--env", "prod", **PASSWORD)

    assert_one_error(
        ran, "app_entry is not set", "Nothing was touched in prod", f"set it in {PROD}"
    )
    assert ran.output.count("app_entry is not set") == 1
    assert_no_host_was_asked(ran)


def test_settings_of_the_wrong_type_are_all_named_with_what_to_write(clone: Clone) -> None:
    wrong = {"app_workers": "many", "app_hostnames": "www.example.com", "app_env": None}
    with clone.settings(**wrong):
        by_invoke = clone.invoke("deploy", "--env", "prod", **PASSWORD)
        by_ansible = clone.ansible("deploy", "-i", PROD, **PASSWORD)

    for ran in (by_invoke, by_ansible):
        assert_one_error(
            ran,
            "app_workers is 'many': write a whole number",
            "app_hostnames is 'www.example.com': write a list",
            "app_env is empty: write names and values",
            f"{PROD}/group_vars/all/app.yml",
        )
        assert_no_host_was_asked(ran)


def test_settings_file_that_is_no_yaml_is_named_with_its_line(clone: Clone) -> None:
    with clone.changed(f"{PROD}/group_vars/all/app.yml", "app_name: hello", "app_name: hello: x"):
        ran = clone.invoke("deploy", "--env", "prod", **PASSWORD)

    assert_one_error(ran, f"{PROD}/group_vars/all/app.yml, line 3")
