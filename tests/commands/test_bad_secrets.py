"""A mistake in the secrets ends in one clear error, before any host is asked.

The hosts of these environments have names that nobody has: whoever asked them would say so.
"""

from __future__ import annotations

from tests.clone import PASSWORD, Clone, assert_no_host_was_asked, assert_one_error

PROD = "inventories/prod"


def test_missing_secret_is_named_with_the_command_that_makes_it(clone: Clone) -> None:
    with clone.changed(f"{PROD}/group_vars/all/app.yml", "vault_secret_key", "vault_other_key"):
        ran = clone.ansible("deploy", "-i", PROD, **PASSWORD)

    assert_one_error(ran, "app_secrets.SECRET_KEY needs vault_other_key", "secrets.init --env prod")
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
