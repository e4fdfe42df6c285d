"""The inventory script of the local environment, run as Ansible runs it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "inventories/local/lab.py"
VM = {
    "name": "turnout-local-1",
    "number": 1,
    "release": "trixie",
    "address": "198.18.0.11",
    "ssh_port": 18022,
    "http_port": 18080,
    "https_port": 18443,
}
STATE = {"lab": "local", "key": "id_ed25519", "known_hosts": "known_hosts", "vms": [VM]}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "a clone"
    folder = root / "inventories/local"
    folder.mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    return root


def run(clone: Path, *arguments: str, lab: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "TURNOUT_LAB"}
    if lab:
        environment["TURNOUT_LAB"] = lab
    return subprocess.run(
        [sys.executable, "-S", str(clone / "inventories/local/lab.py"), *arguments],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def write_state(clone: Path, text: str, lab: str = "local") -> Path:
    folder = clone / ".turnout/lab" / lab
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text(text)
    (folder / "id_ed25519.pub").write_text("ssh-ed25519 AAAA lab\n")
    return folder


def test_every_vm_is_a_web_host_reached_with_the_labs_own_keys(clone):
    folder = write_state(clone, json.dumps(STATE))

    inventory = json.loads(run(clone, "--list").stdout)

    assert inventory["web"]["hosts"] == ["turnout-local-1"]
    host = inventory["_meta"]["hostvars"]["turnout-local-1"]
    assert host["ansible_host"] == "127.0.0.1"
    assert host["ansible_port"] == 18022
    assert host["ansible_user"] == "root"
    assert host["ansible_ssh_private_key_file"] == str(folder / "id_ed25519")
    assert host["lab_http_port"] == 18080
    assert host["lab_address"] == "198.18.0.11"


def test_host_keys_are_checked_also_where_the_path_has_a_space(clone):
    folder = write_state(clone, json.dumps(STATE))

    host = json.loads(run(clone, "--host", "turnout-local-1").stdout)
    options = shlex.split(host["ansible_ssh_common_args"])
    parsed = subprocess.run(
        ["ssh", "-G", "-F", "none", *options, "somewhere"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert f"userknownhostsfile {folder}/known_hosts" in [line.replace('"', "") for line in parsed]
    assert "stricthostkeychecking true" in parsed
    assert "identitiesonly yes" in parsed


def test_another_lab_is_chosen_by_name(clone):
    write_state(clone, json.dumps(STATE | {"vms": []}))
    write_state(clone, json.dumps(STATE), lab="molecule")

    assert json.loads(run(clone, "--list").stdout)["web"]["hosts"] == []
    assert json.loads(run(clone, "--list", lab="molecule").stdout)["web"]["hosts"]


def test_without_a_lab_it_names_the_command_that_makes_one(clone):
    done = run(clone, "--list")

    assert done.returncode != 0
    assert done.stdout == ""
    assert "./inv lab.up" in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"vms": [{}]}'])
def test_a_state_it_cannot_read_is_one_line_and_no_traceback(clone, text):
    write_state(clone, text)

    done = run(clone, "--list")

    assert done.returncode != 0
    assert "lab.json cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_ansible_can_execute_it():
    assert os.access(SCRIPT, os.X_OK)
