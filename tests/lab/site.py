"""A VM, and the sample app on it with a copy of its code that tests change at will."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import small
from tests.lab.shell import shell
from turnout import secrets
from turnout.lab_ssh import ssh_command
from turnout.lab_state import Lab, Vm
from turnout.paths import REPOSITORY

# What each app of each VM was provisioned with; a VM lives as long as the tests that use it.
PROVISIONED: dict[tuple[str, str], dict[str, Any]] = {}
# The sample app's own, without two of its three seconds of soak.
HEALTH = {"path": "/ready", "soak_seconds": 1}
# One starts in half of the time of two; what several do is shown where they serve under load.
WORKERS = 1
# Seldom, as each request takes the processor from the deploys, which share the machine; tests of
# what a probe sees let it ask as often as it does elsewhere.
PROBES_A_SECOND = 5
PROGRAM = "python3 /usr/local/lib/turnout/host.pyz"
# What a deploy alone makes of the settings.
DEPLOYED = ("app_source", "app_workers", *small.SETTINGS)
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".venv", ".env", "instance")


@dataclass(frozen=True)
class Host:
    """A VM of the lab, reached over real SSH."""

    lab: Lab
    vm: Vm

    def run(self, command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a shell command as root; the caller looks at its exit code."""
        argv = ssh_command(self.lab, self.vm, command)
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)

    def inside(self, command: str) -> str:
        """Run a shell command as root past the network, and return what it printed.

        Raises:
            AssertionError: it failed.
        """
        code, said, complaint = shell(self.vm.name).run(command)
        assert code == 0, complaint
        return said


class Site:
    """One instance of an app, by default the sample app.

    Args:
        host: the VM.
        folder: an empty folder for the copy of the code.
        code: the app; its `hello/version.py` is written anew for each deploy.
        settings: the team's settings (`app_*`) that differ from the lab's.
    """

    def __init__(
        self, host: Host, folder: Path, *, code: Path = REPOSITORY / "app", **settings: Any
    ) -> None:
        self.host = host
        self.source = folder / "app"
        self.name = str(settings.get("app_name", "hello"))
        self.url = f"http://127.0.0.1:{host.vm.http_port}"
        known: dict[str, Any] = {"app_source": str(self.source), "app_workers": WORKERS}
        known |= {"release_test": False, "app_health": HEALTH, "app_probe_rate": PROBES_A_SECOND}
        self._settings = {**known, **settings}
        shutil.copytree(code, self.source, ignore=LEFT_OUT)
        self._is_small = code == small.CODE
        if self._is_small:
            (self.source / "requirements.txt").write_text(small.requirements())
        secrets.init("local")

    def provision(self) -> None:
        """Provision the VM, unless the last one to do so here wanted the same of this app."""
        wanted = {key: self._settings[key] for key in self._settings if key not in DEPLOYED}
        if PROVISIONED.get((self.host.vm.name, self.name)) != wanted:
            self.play("provision")
            PROVISIONED[self.host.vm.name, self.name] = wanted
        if self._is_small:
            # Of the sample app's schema, which a release of this one does not know.
            self.host.inside(f"cd /srv/{self.name} && rm --force journal.jsonl history.jsonl")

    def deploy(self, version: str, **settings: Any) -> str:
        """Deploy the app with another version in its code, as a sysadmin would; return the release.

        Raises:
            AssertionError: with the output of a deploy that failed.
        """
        (self.source / "hello/version.py").write_text(f'VERSION = "{version}"\n')
        self.play("deploy", **settings)
        return str(self.status()["release"])

    def play(self, playbook: str, **settings: Any) -> None:
        """Run a playbook of the project with the site's settings, and these."""
        argv, variables = self.command(playbook, **settings)
        done = subprocess.run(
            argv, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def command(self, playbook: str, **settings: Any) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a playbook, and its environment."""
        argv = ["ansible-playbook", "-i", "inventories/local", f"playbooks/{playbook}.yml"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = os.environ | {"PATH": path, "TURNOUT_LAB": self.host.lab.name}
        # As `invoke` has it: ansible.cfg names every environment, and each one's password is asked.
        variables["ANSIBLE_VAULT_IDENTITY_LIST"] = "local@inventories/vault-client.py"
        return [*argv, "-e", json.dumps({**self._settings, **settings})], variables

    def status(self) -> dict[str, Any]:
        """Return what the host program says is live."""
        return self.program("status")

    def program(self, verb: str) -> dict[str, Any]:
        """Run the host program on the VM and return its answer.

        Raises:
            AssertionError: it failed.
        """
        return dict(json.loads(self.host.inside(f"{PROGRAM} {verb} --app {self.name}")))

    def switched(self, host: Host | None = None) -> float:
        """Return when traffic was last switched, in Unix time: the rename is the link's ctime.

        Args:
            host: of a fleet; by default its first one.
        """
        return float((host or self.host).inside(f"stat --format=%.6Z /srv/{self.name}/live"))


def deployed(host: Host, folder: Path, **settings: Any) -> Site:
    """Return an app on a VM, by default the sample app, provisioned and deployed.

    Args:
        host: the VM.
        folder: an empty folder for the copy of the code.
        settings: as of a `Site`.
    """
    made = Site(host, folder, **settings)
    made.provision()
    made.deploy("0")
    return made
