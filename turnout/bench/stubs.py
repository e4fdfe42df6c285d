"""Environments of the copy that deploy a stub app: many on one VM, or one on many."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml

from turnout.bench.commands import BIN, environment
from turnout.bench.scratch import Scratch
from turnout.bench.vm import Machine

SOURCE = Path(__file__).with_name("files") / "stub"
APPS = "bench-apps"
VERSION_FILE = "stub.py"


def add(scratch: Scratch, name: str, machines: list[Machine], **settings: Any) -> None:
    """Make an environment with the stub as the app ``name``, on these VMs.

    Args:
        scratch: the copy; it is committed.
        name: of the environment, the app and its site.
        machines: where it is deployed.
        settings: further `app_*` settings, without the prefix.
    """
    folder = scratch.path / "inventories" / name
    (folder / "group_vars/all").mkdir(parents=True, exist_ok=True)
    _write(folder / "hosts.yml", {"web": {"hosts": {one.name: reach(one) for one in machines}}})
    known = base(name) | {f"app_{key}": value for key, value in settings.items()}
    _write(folder / "group_vars/all/app.yml", known)
    _app(scratch, name)
    scratch.commit(f"The stub app {name}")


def base(name: str) -> dict[str, Any]:
    """Return the settings that every stub has."""
    return {
        "app_name": name,
        "app_source": f"{{{{ playbook_dir }}}}/../{APPS}/{name}",
        "app_entry": "stub:app",
        "app_hostnames": [f"{name}.localhost"],
        "app_revision_key": "protects nothing: the stub has no secret",
        "app_health": {"soak_seconds": 0},
    }


def reach(machine: Machine) -> dict[str, Any]:
    """Return how Ansible reaches a VM of the lab."""
    options = (
        f'UserKnownHostsFile="{machine.known_hosts}"',
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    )
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": machine.ssh_port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(machine.key),
        "ansible_ssh_common_args": " ".join(f"-o {shlex.quote(option)}" for option in options),
    }


def lock(scratch: Scratch, name: str, *packages: str) -> str:
    """Lock further packages beside gunicorn for a stub; return why that fails, if it does."""
    folder = scratch.path / APPS / name
    wanted = "\n".join((pin(scratch, "gunicorn"), *packages))
    argv = [str(BIN / "uv"), "pip", "compile", "--quiet", "--generate-hashes", "--universal"]
    argv += ["--python-version", "3.11", "--no-header", "-", "--output-file", "requirements.txt"]
    done = subprocess.run(
        argv, input=wanted, cwd=folder, env=environment(), capture_output=True, text=True
    )
    scratch.commit(f"Lock {name}")
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def pin(scratch: Scratch, package: str) -> str:
    """Return the version that the sample app has locked, as a requirement."""
    return locked((scratch.path / "app/requirements.txt").read_text(), package).split(" ")[0]


def locked(text: str, package: str) -> str:
    """Return a package's lines of a locked file, hashes and all; '' when it is not in there."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"{package}==")]
    if not starts:
        return ""
    rest = lines[starts[0] + 1 :]
    count = next((n for n, line in enumerate(rest) if "--hash" not in line), len(rest))
    return "\n".join([lines[starts[0]], *rest[:count]]) + "\n"


def ready(scratch: Scratch, *names: str) -> None:
    """Provision and deploy these environments, unmeasured.

    Raises:
        TurnoutError: a command fails.
    """
    for name in names:
        scratch.prepare("provision", "--env", name)
        scratch.prepare("deploy", "--env", name)


def _app(scratch: Scratch, name: str) -> None:
    folder = scratch.path / APPS / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VERSION_FILE).write_text((SOURCE / VERSION_FILE).read_text())
    requirements = locked((scratch.path / "app/requirements.txt").read_text(), "gunicorn")
    (folder / "requirements.txt").write_text(requirements)


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False))
