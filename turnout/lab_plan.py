"""What a lab should consist of, decided before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from turnout.image_base import RELEASES
from turnout.lab_errors import LabError
from turnout.lab_network import vm_address
from turnout.lab_ports import choose_ports
from turnout.lab_state import Lab, Vm

BOTH = "both"


def plan(lab: Lab, hosts: int, release: str | None) -> Lab:
    """Return the lab with its missing VMs added, without addresses and ports yet.

    Raises:
        LabError: if an existing VM has another release than the one asked for.
    """
    wanted = {number: release_of(number, release) for number in range(1, hosts + 1)}
    for vm in lab.vms:
        if release and wanted.get(vm.number, vm.release) != vm.release:
            raise _other_release(vm, wanted[vm.number])
    known = {vm.number for vm in lab.vms}
    for number in sorted(set(wanted) - known):
        lab = lab.with_vm(Vm(f"{lab.network}-{number}", number, wanted[number], "", 0, 0, 0))
    return lab


def release_of(number: int, release: str | None) -> str:
    """Return the Debian release of VM ``number``; ``both`` takes turns.

    Raises:
        LabError: if the lab has no such release.
    """
    names = list(RELEASES)
    if release == BOTH:
        return names[(number - 1) % len(names)]
    if release is None or release in RELEASES:
        return release or names[0]
    raise LabError(
        "The lab has no such Debian release",
        where=release,
        why=f"it has {', '.join(f'{code} ({name})' for name, code in RELEASES.items())} and both",
        next_step="choose one of them",
    )


def placed(lab: Lab, vm: Vm, taken: Collection[int], is_free: Callable[[int], bool]) -> Vm:
    """Return the VM with an address and ports: those it had, unless somebody took them.

    Args:
        lab: Its lab, with a network.
        vm: The VM, new or made once before.
        taken: Ports that other VMs count as theirs, or that the engine refused.
        is_free: Says whether nothing uses a port now.
    """
    vm = replace(vm, address=vm_address(lab.subnet, vm.number))
    if all(port and port not in taken and is_free(port) for port in vm.ports):
        return vm
    ssh, http, https = choose_ports(vm.number, taken, is_free)
    return replace(vm, ssh_port=ssh, http_port=http, https_port=https)


def _other_release(vm: Vm, release: str) -> LabError:
    return LabError(
        f"The VM is Debian {RELEASES[vm.release]}, not {RELEASES[release]}",
        where=vm.name,
        why="a VM keeps its release for life",
        next_step="./inv lab.down removes the lab, then run the same command again",
    )
