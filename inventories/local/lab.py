#!/usr/bin/env python3
"""Ansible's view of the lab: the VMs that `./inv lab.up` made, so that nothing needs editing.

A dynamic inventory of the standard library only, for plain Ansible as well:

    ansible-playbook -i inventories/local playbooks/status.yml

TURNOUT_LAB names another lab than `local`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

LABS = Path(__file__).resolve().parents[2] / ".turnout/lab"
GROUP = "web"


def main() -> None:
    """Print what Ansible asks for, or say how to get a lab."""
    parser = argparse.ArgumentParser(description="The lab's VMs as an Ansible inventory.")
    parser.add_argument("--list", action="store_true", help="all hosts and their variables")
    parser.add_argument("--host", help="the variables of one host")
    arguments = parser.parse_args()
    lab = os.environ.get("TURNOUT_LAB") or "local"
    hostvars = hosts_of(LABS / lab, lab)
    print(json.dumps(hostvars.get(arguments.host, {}) if arguments.host else listing(hostvars)))


def hosts_of(folder: Path, lab: str) -> dict[str, dict[str, Any]]:
    """Return the variables of each VM of a lab; leave with a clear line if there is none."""
    try:
        state = json.loads((folder / "lab.json").read_text())
        return {vm["name"]: variables(folder, state, vm) for vm in state["vms"]}
    except FileNotFoundError:
        option = "" if lab == "local" else f" --lab {lab}"
        sys.exit(f"There is no lab '{lab}' yet. Next: ./inv lab.up{option}")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"{folder}/lab.json cannot be read ({error!r}). Next: ./inv lab.down, lab.up")


def variables(folder: Path, state: dict[str, Any], vm: dict[str, Any]) -> dict[str, Any]:
    """Return how Ansible reaches one VM, and where its site answers."""
    options = (
        # ssh splits this value at spaces once more.
        f'UserKnownHostsFile="{folder / state["known_hosts"]}"',
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    )
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": vm["ssh_port"],
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(folder / state["key"]),
        "ansible_ssh_common_args": " ".join(f"-o {shlex.quote(option)}" for option in options),
        "lab_key": str(folder / state["key"]),
        "lab_public_key": (folder / f"{state['key']}.pub").read_text().strip(),
        "lab_address": vm["address"],
        "lab_http_port": vm["http_port"],
        "lab_https_port": vm["https_port"],
        "lab_release": vm["release"],
    }


def listing(hostvars: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the whole inventory in the form Ansible reads."""
    return {GROUP: {"hosts": list(hostvars)}, "_meta": {"hostvars": hostvars}}


if __name__ == "__main__":
    main()
