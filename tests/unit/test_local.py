"""The environment on this machine comes with the first command, and is provisioned when it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import inventory, lab, local, secrets
from turnout.environment import Environment
from turnout.errors import TurnoutError

PARTS = ("roles/app/tasks/main.yml", "plugins/module_utils/x.py", "playbooks/deploy.yml")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with little in it, and an environment `prod`."""
    for name in (*PARTS, "inventories/prod/hosts.yml", "lab/local/known_hosts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n")
    monkeypatch.setattr(local, "REPOSITORY", tmp_path)
    monkeypatch.setattr(local, "PLAYBOOKS", tmp_path / "playbooks")
    monkeypatch.setattr(local, "INVENTORIES", tmp_path / "inventories")
    monkeypatch.setattr(local, "LABS", tmp_path / "lab")
    monkeypatch.setattr(local, "CACHE", tmp_path / "cache")
    monkeypatch.delenv(inventory.LAB_VARIABLE, raising=False)
    return tmp_path


def test_hosts_are_provisioned_once(clone: Path) -> None:
    assert not local.is_provisioned("prod")

    local.remember_provision("prod")

    assert local.is_provisioned("prod")


@pytest.mark.parametrize(
    "name",
    [*PARTS, "inventories/prod/hosts.yml", "inventories/prod/new.yml", "lab/local/known_hosts"],
)
def test_whatever_decides_provision_brings_it_back(clone: Path, name: str) -> None:
    local.remember_provision("prod")

    (clone / name).write_text("b\n")

    assert not local.is_provisioned("prod")


@pytest.mark.parametrize("name", ["roles/__pycache__/x.pyc", "inventories/prod/vault.yml"])
def test_a_secret_or_a_cache_does_not(clone: Path, name: str) -> None:
    local.remember_provision("prod")

    (clone / name).parent.mkdir(exist_ok=True)
    (clone / name).write_text("b\n")

    assert local.is_provisioned("prod")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine on which a lab and secrets can be made at once; returns what was."""
    done: list[str] = []
    vault = tmp_path / "vault.yml"

    def add_generated(env: str) -> None:
        done.append(f"secrets of {env}")
        vault.touch()

    monkeypatch.setattr(local, "check_name", lambda env: None)
    monkeypatch.setattr(inventory, "load", lambda env: Environment(env, "hello", []))
    monkeypatch.setattr(inventory, "lab_name", lambda: "mine")
    monkeypatch.setattr(lab, "up", lambda *, lab, progress: done.append(f"lab {lab}"))
    monkeypatch.setattr(secrets, "vault_file", lambda env: vault)
    monkeypatch.setattr(secrets, "ensure_password", lambda env: done.append(f"password of {env}"))
    monkeypatch.setattr(secrets, "add_generated", add_generated)
    monkeypatch.setattr(secrets, "check_password", lambda env: done.append(f"check {env}"))
    return done


def test_the_first_command_makes_a_lab_and_secrets(
    made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert local.ready("local").name == "local"

    assert made == ["lab mine", "password of local", "secrets of local", "check local"]
    assert capsys.readouterr().out == "Made secrets for local\n"


def test_the_next_command_finds_its_secrets(made: list[str]) -> None:
    local.ready("local")
    made.clear()

    local.ready("local")

    assert made == ["lab mine", "check local"]


def test_a_real_environment_gets_neither(made: list[str]) -> None:
    local.ready("prod")

    assert made == ["check prod"]


def test_nothing_is_made_for_an_environment_that_is_not_there(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(env: str) -> None:
        raise TurnoutError(f"There is no environment '{env}'.")

    monkeypatch.setattr(local, "check_name", refuse)

    with pytest.raises(TurnoutError):
        local.ready("local")

    assert made == []
