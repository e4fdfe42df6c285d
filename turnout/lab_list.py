"""What labs there are, for people."""

from __future__ import annotations

from dataclasses import dataclass

from turnout import lab_vm
from turnout.image_base import RELEASES
from turnout.lab_state import Lab, Vm, load
from turnout.paths import LABS, REPOSITORY


@dataclass(frozen=True)
class Listed:
    """A VM and what the engine says about it (running, exited, missing)."""

    lab: str
    vm: Vm
    state: str


def list_vms(lab: str | None = None) -> list[Listed]:
    """Return the VMs of one lab, or of all labs of this repository, with their state."""
    names = [lab] if lab else sorted(file.parent.name for file in LABS.glob("*/lab.json"))
    found: list[Listed] = []
    for name in names:
        known = load(name)
        states = lab_vm.states(known)
        found += [Listed(name, vm, states.get(vm.name, "missing")) for vm in known.vms]
    return found


def table(vms: list[Listed]) -> list[str]:
    """Return the lines of a table of VMs, aligned for a person."""
    head = ("vm", "state", "debian", "address", "http", "ssh")
    rows = [head, *(_row(listed) for listed in vms)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(listed: Listed) -> tuple[str, ...]:
    vm = listed.vm
    key = Lab(listed.lab).key.relative_to(REPOSITORY)
    url = f"http://127.0.0.1:{vm.http_port}"
    ssh = f"ssh -i {key} -p {vm.ssh_port} root@127.0.0.1"
    return vm.name, listed.state, RELEASES[vm.release], vm.address, url, ssh
