"""The connection that is made ahead is the one that Ansible finds."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from turnout import openssh, playbooks
from turnout.environment import Host

HOST = Host("web1", "192.0.2.1", 2222, "deploy", "/keys/id", "-o StrictHostKeyChecking=yes")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    commands: list[list[str]] = []

    def popen(argv: list[str], **how: Any) -> None:
        assert set(how.values()) == {openssh.subprocess.DEVNULL}
        commands.append(argv)

    monkeypatch.setenv(openssh.CONTROL_PATH_DIR, str(tmp_path / "cp"))
    monkeypatch.setattr(openssh.subprocess, "Popen", popen)
    return commands


def test_a_connection_is_shared_by_where_it_leads(started: list[list[str]], tmp_path: Path) -> None:
    openssh.connect_ahead(HOST)

    (command,) = started
    options = [command[at + 1] for at, word in enumerate(command) if word == "-o"]
    assert f"ControlPath={tmp_path}/cp/%C" in options
    assert {"ControlMaster=auto", "ControlPersist=60s", "BatchMode=yes"} <= set(options)
    assert "StrictHostKeyChecking=yes" in options
    assert command[-2:] == ["192.0.2.1", "true"]


def test_nobody_else_gets_into_the_folder_of_connections(
    started: list[list[str]], tmp_path: Path
) -> None:
    openssh.connect_ahead(HOST)

    assert (tmp_path / "cp").stat().st_mode & 0o777 == 0o700


def test_ansible_looks_for_it_there() -> None:
    settings = configparser.RawConfigParser()
    settings.read(REPOSITORY / "ansible.cfg")
    section = settings["ssh_connection"]

    assert section["control_path"] == "%(directory)s/%%C"
    assert section["ssh_args"].replace("-o ", "").split() == [
        f"{name}={value}" for name, value in openssh.OPTIONS.items()
    ]


@pytest.mark.parametrize(
    ("home", "folder"),
    [
        ("/home/ann", "/home/ann/.ansible/cp"),
        # With ssh's own 59 the path of a socket would be too long, and every host unreachable.
        ("/home/corp.example.com/firstname.lastname", "/run/user/1000/turnout"),
    ],
)
def test_a_home_with_a_long_path_has_its_connections_elsewhere(
    monkeypatch: pytest.MonkeyPatch, home: str, folder: str
) -> None:
    monkeypatch.delenv(openssh.CONTROL_PATH_DIR, raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")

    assert openssh.shared() == Path(folder)
    assert playbooks._environment("prod")[openssh.CONTROL_PATH_DIR] == folder
