"""The VM that is measured: its ports, and plain SSH into it, which shares no connection."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from turnout.bench.commands import LONGEST_SECONDS, Cost, environment, failed, run
from turnout.bench.scratch import Scratch


@dataclass(frozen=True)
class Machine:
    """One lab VM of the copy."""

    name: str
    ssh_port: int
    http_port: int
    key: Path
    known_hosts: Path

    @property
    def ssh_options(self) -> list[str]:
        """Options for ssh and rsync that use the lab's key and pins, and no kept connection."""
        options = (
            f"UserKnownHostsFile={self.known_hosts}",
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "ControlMaster=no",
            "ControlPath=none",
            "LogLevel=ERROR",
        )
        return ["-i", str(self.key), *(word for one in options for word in ("-o", one))]

    def ssh(self, *command: str) -> list[str]:
        """Return the arguments that run ``command`` on the VM."""
        return ["ssh", "-p", str(self.ssh_port), *self.ssh_options, "root@127.0.0.1", *command]

    def do(self, *command: str, text: str | None = None) -> str:
        """Run ``command`` on the VM, unmeasured, and return what it prints.

        Raises:
            TurnoutError: it failed.
        """
        argv = self.ssh(*command)
        done = subprocess.run(
            argv, input=text or "", env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise failed(command, done.stdout + done.stderr)
        return done.stdout


def machines(scratch: Scratch, lab: str = "local") -> list[Machine]:
    """Return the VMs of a lab of the copy; it must have been made."""
    folder = scratch.path / ".turnout/lab" / lab
    state = json.loads((folder / "lab.json").read_text())
    key, known_hosts = folder / state["key"], folder / state["known_hosts"]
    return [
        Machine(vm["name"], vm["ssh_port"], vm["http_port"], key, known_hosts)
        for vm in state["vms"]
    ]


@contextmanager
def cold_ssh() -> Iterator[dict[str, str]]:
    """Yield variables that let Ansible find no connection kept from before; close its own after.

    Whoever deploys once in an hour finds none either.
    """
    # A short path: a socket's has 108 characters at most.
    with tempfile.TemporaryDirectory(prefix="tb-") as folder:
        try:
            yield {"ANSIBLE_SSH_CONTROL_PATH_DIR": folder}
        finally:
            for path in Path(folder).iterdir():
                argv = ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "any"]
                subprocess.run(argv, capture_output=True, check=False)


def verb(scratch: Scratch, *arguments: str) -> Cost:
    """Run a verb against the copy's VMs without a connection kept from before."""
    with cold_ssh() as variables:
        return scratch.invoke(*arguments, variables=variables)


def plain(argv: list[str], folder: Path, limit: float = LONGEST_SECONDS) -> Cost:
    """Run any program in ``folder`` without a connection kept from before."""
    with cold_ssh() as variables:
        return run(argv, folder, variables, limit)
