"""Throw-away VMs on this machine: Debian with systemd in Docker, reached over real SSH."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from dataclasses import replace

from turnout import lab_network, lab_ports, lab_ssh, lab_vm
from turnout.docker import DockerError, docker
from turnout.engine import ensure_engine
from turnout.image import ensure_image
from turnout.image_base import RELEASES
from turnout.lab_errors import LabError
from turnout.lab_plan import placed, plan
from turnout.lab_state import Lab, Vm, checked_name, load, locked, save
from turnout.long_step import Progress

DEFAULT = "local"
PORT_TRIES = 5


def up(
    hosts: int = 1,
    release: str | None = None,
    *,
    lab: str = DEFAULT,
    packages: Collection[str] = (),
    progress: Progress = print,
) -> Lab:
    """Bring a lab up to ``hosts`` VMs, or leave it as it is when it already has them.

    Running VMs are kept, stopped ones started, missing ones made; a run that was killed
    half-way is completed by the next one. VMs beyond ``hosts`` are left alone.

    Args:
        hosts: How many VMs the lab has at least.
        release: ``bookworm``, ``trixie``, ``both`` in turn, or None: what is there, else bookworm.
        lab: The lab's name.
        packages: Debian's, which a VM that is made now begins with, beyond what a provider's has.
        progress: Gets a line for each step that takes time.

    Raises:
        LabError: with what to do about it.
    """
    known = Lab(checked_name(lab))
    ensure_engine(progress)
    with locked(known.lock, progress):
        known = load(lab)
        if not known.network:
            known = replace(known, network=lab_network.choose_name(known))
        wanted = plan(known, hosts, release)
        states = lab_vm.states(wanted)
        if _complete(wanted, states):
            return wanted
        return _completed(wanted, states, packages, progress)


def down(lab: str = DEFAULT, *, progress: Progress = print) -> None:
    """Remove a lab: its VMs, network, keys and state. The images stay, for the next one.

    Raises:
        LabError: if the engine refuses.
    """
    gone = Lab(checked_name(lab))
    with contextlib.suppress(LabError):
        gone = load(lab)  # an unreadable state is no reason to keep the VMs
    if shutil.which("docker"):
        ensure_engine(progress)
        with locked(gone.lock, progress):
            names = sorted(lab_vm.states(gone))
            lab_vm.remove(*names)
            lab_network.remove(gone)
            shutil.rmtree(gone.folder, ignore_errors=True)
        progress(f"Removed {', '.join(names) or f'lab {lab}: it had no VM'}")
    shutil.rmtree(gone.folder, ignore_errors=True)


def reboot(name: str, *, lab: str = DEFAULT, hard: bool = False) -> None:
    """Restart a VM and wait until systemd is up and SSH lets us in.

    Args:
        name: The VM's name.
        lab: Its lab.
        hard: Pull the plug instead of shutting down.

    Raises:
        LabError: if there is no such VM, or it does not come back.
    """
    known = load(lab)
    vm = next((vm for vm in known.vms if vm.name == name), None)
    if vm is None:
        raise _unknown(name, known)
    if hard:
        docker("kill", name)
        docker("start", name)
    else:
        docker("restart", "--time=30", name, seconds=90)
    lab_vm.wait_booted(vm)
    lab_vm.wait_ssh(known, vm)


def _complete(lab: Lab, states: dict[str, str]) -> bool:
    """Say whether all VMs run and were seen through to the end: pinning is the last step."""
    return lab.key.exists() and all(
        states.get(vm.name) == "running" and lab_ssh.is_pinned(lab, vm) for vm in lab.vms
    )


def _completed(
    lab: Lab, states: dict[str, str], packages: Collection[str], progress: Progress
) -> Lab:
    """Make and start what is missing, and return the lab as it is then."""
    _remove_strays(lab, states, progress)
    lab_ssh.ensure_key(lab)
    lab = replace(lab, subnet=lab_network.ensure_network(lab))
    for vm in lab.vms:
        lab = _running(lab, vm, states.get(vm.name), packages, progress)
    for vm in lab.vms:
        _reachable(lab, vm, progress)
    return lab


def _remove_strays(lab: Lab, states: dict[str, str], progress: Progress) -> None:
    """Remove our VMs that no state tells the ports of: somebody deleted it."""
    placed_vms = {vm.name for vm in lab.vms if vm.ssh_port}
    for name in sorted(set(states) - placed_vms):
        progress(f"Removing {name}: the lab's state knows nothing of it")
        lab_vm.remove(name)
        del states[name]


def _running(
    lab: Lab, vm: Vm, state: str | None, packages: Collection[str], progress: Progress
) -> Lab:
    """Start a VM that is stopped; make one that is missing or will not start."""
    if state == "running":
        return lab
    if state:
        progress(f"Starting {vm.name}")
        try:
            docker("start", vm.name)
            return lab
        except DockerError as error:
            progress(f"{vm.name} does not start ({error.why.strip()}): making it anew")
            lab_vm.remove(vm.name)
    image = ensure_image(vm.release, progress, packages)
    progress(f"Making {vm.name}, Debian {RELEASES[vm.release]}")
    lab_ssh.unpin(lab, vm)
    return _made(lab, vm, image)


def _made(lab: Lab, vm: Vm, image: str) -> Lab:
    """Make a VM on its recorded ports, or on free ones when somebody else has taken those."""
    taken = lab_ports.recorded_ports(except_for=vm.name)
    for attempt in range(1, PORT_TRIES + 1):
        vm = placed(lab, vm, taken, lab_ports.port_is_free)
        lab = lab.with_vm(vm)
        save(lab)
        try:
            lab_vm.make(lab, vm, image)
            break
        except DockerError as error:
            if attempt == PORT_TRIES or not lab_ports.is_port_conflict(error.why):
                raise
            taken |= set(vm.ports)
    return lab


def _reachable(lab: Lab, vm: Vm, progress: Progress) -> None:
    """See a VM through to its last step: booted, our key in, its keys pinned, SSH answering."""
    systemd = lab_vm.wait_booted(vm)
    lab_ssh.authorise(lab, vm)
    lab_ssh.pin(lab, vm)
    lab_vm.wait_ssh(lab, vm)
    release, url = RELEASES[vm.release], f"http://127.0.0.1:{vm.http_port}"
    progress(f"{vm.name}: Debian {release} is up (systemd: {systemd}), {url}")


def _unknown(name: str, lab: Lab) -> LabError:
    return LabError(
        "The lab has no such VM",
        where=name,
        why=f"lab {lab.name} has {', '.join(vm.name for vm in lab.vms) or 'none'}",
        next_step="./inv lab.list shows all VMs",
    )
