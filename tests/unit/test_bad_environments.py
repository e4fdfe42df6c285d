"""A mistake in an environment ends in one clear error, before any host is asked.

The hosts of these environments have names that nobody has: whoever asked them would say so.
"""

from __future__ import annotations

import pytest

from tests.clone import Clone, Ran, assert_one_error, make

PROD = "inventories/prod"
PASSWORD = {"TURNOUT_VAULT_PASSWORD_PROD": "a password of the tests"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = make(tmp_path_factory.mktemp("clone"), "prod")
    assert made.invoke("secrets.init", "--env", "prod", **PASSWORD).code == 0
    return made


def assert_no_host_was_asked(ran: Ran) -> None:
    assert "resolve hostname" not in ran.output
    assert "unreachable=1" not in ran.output


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


def test_missing_secret_is_named_with_the_command_that_makes_it(clone: Clone) -> None:
    with clone.changed(f"{PROD}/group_vars/all/app.yml", "vault_secret_key", "vault_other_key"):
        ran = clone.ansible("deploy", "-i", PROD, **PASSWORD)

    assert_one_error(ran, "app_secrets.SECRET_KEY needs vault_other_key", "secrets.init --env prod")
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


def test_missing_vault_password_is_told_with_both_places_for_it(clone: Clone) -> None:
    by_invoke = clone.invoke("deploy", "--env", "prod")
    by_ansible = clone.ansible("deploy", "-i", PROD)

    assert_one_error(by_invoke, "There is no vault password for prod.", ".turnout/vault/prod")
    last = by_ansible.output.rstrip().splitlines()[-1]
    assert by_ansible.code != 0
    assert "There is no vault password for prod" in last
    for place in (".turnout/vault/prod", "TURNOUT_VAULT_PASSWORD_PROD"):
        assert place in by_invoke.error()
        assert place in last


def test_wrong_vault_password_is_told_without_showing_it(clone: Clone) -> None:
    wrong = {"TURNOUT_VAULT_PASSWORD_PROD": "mistyped"}
    by_invoke = clone.invoke("deploy", "--env", "prod", **wrong)
    by_ansible = clone.ansible("deploy", "-i", PROD, **wrong)

    assert_one_error(by_invoke, "TURNOUT_VAULT_PASSWORD_PROD does not open", "vault.yml")
    assert by_ansible.code != 0
    assert "does not open" in by_ansible.output.rstrip().splitlines()[-1]
    assert "mistyped" not in by_invoke.output + by_ansible.output


def test_settings_file_that_is_no_yaml_is_named_with_its_line(clone: Clone) -> None:
    with clone.changed(f"{PROD}/group_vars/all/app.yml", "app_name: hello", "app_name: hello: x"):
        ran = clone.invoke("deploy", "--env", "prod", **PASSWORD)

    assert_one_error(ran, f"{PROD}/group_vars/all/app.yml, line 3")
