"""Host keys that lie beside the inventory are pinned, and are no inventory themselves."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.clone import BIN, Clone, make

SSH_ARGS = "{{ ansible_ssh_common_args }}"


@pytest.fixture(params=["staging", "prod"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Clone:
    (tmp_path / "a b").mkdir()
    return make(tmp_path / "a b", request.param)


def ssh_args(clone: Clone) -> str:
    """Return what Ansible gives to ssh for the first host, as it sees the inventory."""
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
        env=os.environ | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer, _ = json.JSONDecoder().raw_decode(done.stdout.partition("=> ")[2])
    return str(answer["msg"])


def test_keys_beside_the_hosts_are_the_only_ones_believed(clone: Clone) -> None:
    keys = clone.path / "inventories" / clone.env / "known_hosts"
    keys.write_text("web1.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL8\n")

    option, value = shlex.split(ssh_args(clone))
    assert option == "-o"
    # ssh splits the value once more.
    assert shlex.split(value.removeprefix("UserKnownHostsFile=")) == [str(keys)]


def test_without_them_the_users_own_known_hosts_has_the_say(clone: Clone) -> None:
    assert "UserKnownHostsFile" not in ssh_args(clone)
