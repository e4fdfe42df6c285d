"""Secrets are made once, stay as they are, and are never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.program import Stub, stub
from turnout import environment, secrets
from turnout.secrets import SecretsError

APP = """---
app_secrets:
  SECRET_KEY: "{{ vault_secret_key }}"
  SMTP: "{{ vault_smtp_password }}"
"""


@pytest.fixture(autouse=True)
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment `prod` without secrets; the fixture is the vault's path."""
    folder = tmp_path / "inventories"
    (folder / "prod/group_vars/all").mkdir(parents=True)
    (folder / "prod/group_vars/all/app.yml").write_text(APP)
    for module in (environment, secrets):
        monkeypatch.setattr(module, "INVENTORIES", folder)
    monkeypatch.setattr(secrets, "VAULT_PASSWORDS", tmp_path / "vault")
    monkeypatch.delenv(secrets.variable("prod"), raising=False)
    return secrets.vault_file("prod")


def values() -> dict[str, str]:
    return secrets._values("prod", secrets.read("prod"))


def test_init_makes_password_vault_and_generated_values(vault: Path) -> None:
    secrets.init("prod")

    assert vault.read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod")
    assert stat.S_IMODE(secrets.password_file("prod").stat().st_mode) == 0o600
    assert set(values()) == set(secrets.GENERATED)
    assert all(len(value) >= 43 for value in values().values())


def test_init_a_second_time_changes_nothing(vault: Path) -> None:
    secrets.init("prod")
    before = vault.read_bytes()

    secrets.init("prod")

    assert vault.read_bytes() == before


def test_init_keeps_what_the_team_wrote_and_fills_what_is_empty() -> None:
    secrets.ensure_password("prod")
    text = "---\n# by hand\nvault_secret_key: mine\nvault_revision_key:\n"
    secrets.write("prod", text)

    secrets.init("prod")

    assert "# by hand" in secrets.read("prod")
    assert values()["vault_secret_key"] == "mine"
    assert values()["vault_revision_key"]


def test_init_names_what_the_team_has_to_fill_in(capsys: pytest.CaptureFixture[str]) -> None:
    secrets.init("prod")

    assert "vault_smtp_password has no value yet" in capsys.readouterr().out


def test_no_verb_prints_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    secrets.init("prod")
    secrets.show("prod")
    secrets.rotate("prod", "vault_secret_key")

    printed = "".join(capsys.readouterr())
    assert "vault_secret_key  set" in printed
    assert "vault_smtp_password  missing" in printed
    assert all(value not in printed for value in values().values())
    assert secrets.password("prod") not in printed


def test_names_come_one_a_line_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    secrets.init("prod")
    capsys.readouterr()

    secrets.show("prod", names=True)

    assert capsys.readouterr().out.split() == [
        "vault_revision_key",
        "vault_secret_key",
        "vault_smtp_password",
    ]


def test_rotate_replaces_one_generated_value() -> None:
    secrets.init("prod")
    before = values()

    secrets.rotate("prod", "vault_secret_key")

    assert values()["vault_secret_key"] != before["vault_secret_key"]
    assert values()["vault_revision_key"] == before["vault_revision_key"]


def test_a_vault_without_a_final_newline_keeps_its_last_value_to_the_letter() -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", "---\nvault_tls_key: |\n  line 1\n  line 2")

    added = secrets.add_generated("prod")

    assert added == list(secrets.GENERATED)
    assert values().pop("vault_tls_key") == "line 1\nline 2"
    assert all(values()[name] for name in added)


@pytest.mark.parametrize("empty", ['vault_secret_key: ""', "vault_secret_key: >-\n\n\n"])
def test_init_fills_what_is_empty_below_a_block(empty: str) -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", f"vault_tls_key: |+\n  line 1\n\n{empty}\nvault_revision_key: mine")

    assert secrets.add_generated("prod") == ["vault_secret_key"]

    assert values().pop("vault_tls_key") == "line 1\n\n"
    assert values()["vault_revision_key"] == "mine"
    assert len(values()["vault_secret_key"]) >= 43


@pytest.mark.parametrize(
    "old",
    [
        "vault_secret_key: |\n  old 1\n\n  old 2\n",
        "vault_secret_key: >-\n  old 1\n  old 2\n\n# a comment\n",
        'vault_secret_key: "old 1\n  old 2"  # a comment\n',
        "vault_secret_key: old 1\n  old 2\n",
        "'vault_secret_key' : old 1\nvault_secret_key: old 2\n",
    ],
)
@pytest.mark.parametrize("rest", ["", "vault_after: here\n"])
def test_rotate_takes_a_value_of_several_lines_out_as_a_whole(old: str, rest: str) -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", f"---\nvault_tls_key: |\n  line 1\n  line 2\n{old}{rest}")

    secrets.rotate("prod", "vault_secret_key")

    text = secrets.read("prod")
    assert "old" not in text
    assert ("# a comment" in text) == ("# a comment" in old)
    assert values().pop("vault_tls_key") == "line 1\nline 2\n"
    assert values().get("vault_after", "") == ("here" if rest else "")
    assert len(values()["vault_secret_key"]) >= 43


def test_nothing_is_written_that_would_change_another_value(vault: Path) -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", "vault_secret_key: &same hush\nvault_other: *same\n")
    before = vault.read_bytes()

    with pytest.raises(SecretsError, match="vault_secret_key cannot be set") as caught:
        secrets.rotate("prod", "vault_secret_key")

    assert vault.read_bytes() == before
    assert "hush" not in str(caught.value)
    assert "invoke secrets.edit --env prod" in caught.value.next_step


@pytest.mark.parametrize("others", ["", ", vault_revision_key: hush"])
def test_a_vault_that_no_line_can_be_added_to_is_left_as_it_is(vault: Path, others: str) -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", f"{{vault_other: hush{others}}}\n")
    before = vault.read_bytes()

    with pytest.raises(SecretsError, match=r"vault_secret_key.* cannot be set") as caught:
        secrets.init("prod")

    assert vault.read_bytes() == before
    assert "hush" not in str(caught.value)


def test_rotate_refuses_what_somebody_else_knows() -> None:
    with pytest.raises(SecretsError, match="cannot be rotated"):
        secrets.rotate("prod", "vault_smtp_password")


def test_the_variable_is_asked_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.init("prod")
    monkeypatch.setenv("TURNOUT_VAULT_PASSWORD_PROD", "from-ci")

    assert secrets.password("prod") == "from-ci"


def test_a_wrong_password_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.init("prod")
    monkeypatch.setenv("TURNOUT_VAULT_PASSWORD_PROD", "wrong")

    with pytest.raises(SecretsError, match="does not open"):
        secrets.read("prod")


def test_a_vault_without_its_password_gets_no_new_one() -> None:
    secrets.init("prod")
    secrets.password_file("prod").unlink()

    with pytest.raises(SecretsError, match="no vault password for prod") as caught:
        secrets.init("prod")

    assert "TURNOUT_VAULT_PASSWORD_PROD" in caught.value.next_step
    assert not secrets.password_file("prod").exists()


def test_an_unencrypted_vault_is_refused(vault: Path) -> None:
    vault.write_text("vault_secret_key: open\n")

    with pytest.raises(SecretsError, match="not encrypted"):
        secrets.read("prod")


def test_broken_yaml_is_reported_without_its_text() -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", "vault_a: [hush\n")

    with pytest.raises(SecretsError, match="not YAML") as caught:
        secrets.missing("prod")

    assert "hush" not in str(caught.value)


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """ansible-vault, for which somebody types at once."""
    monkeypatch.setattr(secrets.sys, "executable", str(tmp_path / "bin/python"))
    return stub(tmp_path / "bin", "ansible-vault", monkeypatch)


def test_edit_opens_the_vault_of_the_environment_and_says_what_is_still_empty(
    vault: Path, editor: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets.edit("prod")

    assert editor.calls() == [f"edit --encrypt-vault-id prod {vault}"]
    assert capsys.readouterr().out.endswith("vault_smtp_password has no value yet\n")
    assert values()["vault_secret_key"], "there was none, so it was made first"


def test_an_edit_that_fails_says_that_nothing_has_changed(vault: Path, editor: Stub) -> None:
    secrets.init("prod")
    before = vault.read_bytes()
    editor.answers("exit 1")

    with pytest.raises(SecretsError, match="were not changed"):
        secrets.edit("prod")

    assert vault.read_bytes() == before


def test_a_vault_that_is_a_list_is_refused() -> None:
    secrets.ensure_password("prod")
    secrets.write("prod", "- vault_a\n")

    with pytest.raises(SecretsError, match="names and values"):
        secrets.missing("prod")


def test_a_repository_without_its_vault_client_says_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets.init("prod")
    monkeypatch.setattr(secrets, "CLIENT", Path("vault-client"))

    with pytest.raises(SecretsError, match="vault-client is missing") as caught:
        secrets.check_password("prod")

    assert caught.value.next_step == "restore it from git"
