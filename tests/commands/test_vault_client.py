"""Each environment opens with its own password, and a missing one stops no other environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

CLIENT = "vault-client.py"
SECRETS = "vault_secret_key: x\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "inventories/prod/group_vars/all").mkdir(parents=True)
    (tmp_path / ".turnout/vault").mkdir(parents=True)
    shutil.copy(REPOSITORY / "inventories" / CLIENT, tmp_path / "inventories")
    return tmp_path


def ask(
    repository: Path, env: str, *caller: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the client as Ansible does, from a program whose command line holds ``caller``."""
    client = [sys.executable, str(repository / "inventories" / CLIENT), "--vault-id", env]
    program = f"import subprocess, sys; sys.exit(subprocess.run({client!r}).returncode)"
    command = [sys.executable, "-c", program, *caller]
    clean = {key: os.environ[key] for key in os.environ if not key.startswith("TURNOUT_")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**clean, **variables}
    )


def keep(repository: Path, env: str, password: str, mode: int = 0o600) -> None:
    file = repository / ".turnout/vault" / env
    file.write_text(password + "\n")
    file.chmod(mode)


def encrypt(repository: Path, password: str) -> None:
    """Make prod's vault with Ansible itself."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    secret = VaultSecret(password.encode())
    sealed = VaultLib([("prod", secret)]).encrypt(SECRETS, secret, vault_id="prod")
    (repository / "inventories/prod/group_vars/all/vault.yml").write_bytes(sealed)


def test_password_comes_from_the_file(repository: Path) -> None:
    keep(repository, "prod", "right")

    assert ask(repository, "prod").stdout == "right\n"


def test_variable_wins_over_the_file(repository: Path) -> None:
    keep(repository, "prod", "from file")

    answer = ask(repository, "prod", TURNOUT_VAULT_PASSWORD_PROD="from ci")
    assert answer.stdout == "from ci\n"


def test_environment_nobody_asked_for_gets_a_password_that_opens_nothing(repository: Path) -> None:
    first, second = ask(repository, "staging"), ask(repository, "staging")

    assert (first.returncode, second.returncode) == (0, 0)
    assert len(first.stdout) > 20
    assert first.stdout != second.stdout


def test_missing_password_of_the_environment_in_question_is_told(repository: Path) -> None:
    encrypt(repository, "right")

    answer = ask(repository, "prod", "ansible-playbook", "-i", "inventories/prod", "deploy.yml")
    assert answer.returncode == 2
    assert "There is no vault password for prod" in answer.stderr
    assert "TURNOUT_VAULT_PASSWORD_PROD" in answer.stderr


def test_environment_without_a_vault_needs_no_password(repository: Path) -> None:
    assert ask(repository, "prod", "ansible-playbook", "-i", "inventories/prod").returncode == 0


def test_wrong_password_is_told_without_showing_it(repository: Path) -> None:
    encrypt(repository, "right")
    keep(repository, "prod", "mistyped")

    answer = ask(repository, "prod", "ansible-playbook", "-i", "inventories/prod")
    assert answer.returncode == 2
    assert "does not open" in answer.stderr
    assert "mistyped" not in answer.stderr


def test_right_password_opens_what_ansible_sealed(repository: Path) -> None:
    encrypt(repository, "right")
    keep(repository, "prod", "right")

    answer = ask(repository, "prod", "ansible-playbook", "-i", "inventories/prod")
    assert answer.stdout == "right\n"


def test_password_file_others_can_read_is_refused(repository: Path) -> None:
    encrypt(repository, "right")
    keep(repository, "prod", "right", mode=0o644)

    answer = ask(repository, "prod", "ansible-playbook", "-i", "inventories/prod")
    assert answer.returncode == 2
    assert "chmod 600" in answer.stderr


def test_nothing_is_ever_sealed_with_a_password_made_up(repository: Path) -> None:
    for arguments in (["encrypt", "x.yml"], ["encrypt", "--encrypt-vault-id", "prod", "x.yml"]):
        assert ask(repository, "prod", "ansible-vault", *arguments).returncode == 2


def test_no_other_environment_hides_that_the_password_in_question_is_missing(
    repository: Path,
) -> None:
    encrypt(repository, "right")

    answer = ask(repository, "staging", "ansible-playbook", "-i", "inventories/prod")
    assert answer.returncode == 2
    assert "There is no vault password for prod" in answer.stderr
