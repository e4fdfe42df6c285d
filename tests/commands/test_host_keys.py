"""Host keys that lie beside the inventory are pinned, and are no inventory themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clone import BIN, Clone, make

SSH_ARGS = "{{ ansible_ssh_common_args }}"


@pytest.fixture(params=["staging", "prod"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Clone:
    return make(tmp_path, request.param)


def ssh_args(clone: Clone) -> str:
    """Return what Ansible gives to ssh, as it sees the inventory."""
    command = [
        "ansible",
        "--inventory",
        f"inventories/{clone.env}",
        "web",
        "--module-name",
        "debug",
    ]
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:], "--args", f"msg={json.dumps(SSH_ARGS)}"],
        cwd=clone.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_keys_beside_the_hosts_are_the_only_ones_believed(clone: Clone) -> None:
    keys = clone.path / "inventories" / clone.env / "known_hosts"
    keys.write_text("web1.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL8\n")

    assert f"-o UserKnownHostsFile={keys}" in ssh_args(clone)


def test_without_them_the_users_own_known_hosts_has_the_say(clone: Clone) -> None:
    assert "UserKnownHostsFile" not in ssh_args(clone)
