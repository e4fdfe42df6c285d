"""What the tests on VMs share: a lab of their own, so that nobody's `local` is disturbed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from turnout import lab as labs
from turnout.lab_ssh import ssh_command
from turnout.lab_state import Lab, Vm

NAME = "test"


@dataclass(frozen=True)
class Host:
    """A VM of the lab, reached over real SSH."""

    lab: Lab
    vm: Vm

    def run(self, command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a shell command as root; the caller looks at its exit code."""
        argv = ssh_command(self.lab, self.vm, command)
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of one VM, made for these tests and removed after them."""
    made = labs.up(1, lab=NAME)
    yield made
    labs.down(NAME)


@pytest.fixture(scope="session")
def host(lab: Lab) -> Host:
    """The lab's VM."""
    return Host(lab, lab.vms[0])
