"""One lab VM: a container with systemd and sshd, and the capabilities they need, no more."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from turnout.docker import DockerError, docker
from turnout.lab_errors import LabError
from turnout.lab_ssh import ssh_command
from turnout.lab_state import Lab, Vm

BOOT_SECONDS = 90.0
_PORTS = {"ssh_port": 22, "http_port": 80, "https_port": 443}
# systemd mounts and makes cgroups; nothing here needs --privileged.
_SYSTEMD = (
    "--stop-signal=SIGRTMIN+3",
    "--cap-add=SYS_ADMIN",
    "--cap-add=NET_ADMIN",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/run:mode=0755",
    "--tmpfs=/run/lock:mode=1777",
    "--tmpfs=/tmp:exec,mode=1777",
)
# A VM has ::1 even where its network has no IPv6.
_IPV6 = "--sysctl=net.ipv6.conf.lo.disable_ipv6=0"


def run_arguments(lab: Lab, vm: Vm, image: str, *, ipv6: bool) -> list[str]:
    """Return the arguments of ``docker run`` that make the VM."""
    publish = [
        f"--publish=127.0.0.1:{getattr(vm, name)}:{inside}" for name, inside in _PORTS.items()
    ]
    identity = [f"--name={vm.name}", f"--hostname={vm.name}", *lab.label_flags]
    network = [f"--network={lab.network}", f"--ip={vm.address}"]
    extra = [_IPV6] if ipv6 else []
    return ["run", "--detach", *identity, *network, *_SYSTEMD, *extra, *publish, image]


def make(lab: Lab, vm: Vm, image: str) -> None:
    """Make and start the VM.

    Raises:
        DockerError: if it does not start; nothing of it is left then.
    """
    ipv6 = Path("/proc/sys/net/ipv6").exists()
    try:
        docker(*run_arguments(lab, vm, image, ipv6=ipv6), seconds=120)
    except DockerError:
        remove(vm.name)
        raise


def remove(*names: str) -> None:
    """Remove these VMs, running or not, and their volumes."""
    if names:
        docker("rm", "--force", "--volumes", *names, seconds=120)


def states(lab: Lab) -> dict[str, str]:
    """Return the state of each of the lab's VMs by name: running, exited, ...

    The lab's are those that carry its folder, and those it has on record.
    """
    form = '--format={{.Names}}\t{{.State}}\t{{.Label "turnout.folder"}}'
    rows = docker("ps", "--all", f"--filter=label=turnout.lab={lab.name}", form).splitlines()
    recorded = {vm.name for vm in lab.vms}
    found = [row.split("\t") for row in rows]
    return {
        name: state
        for name, state, folder in found
        if folder == str(lab.folder) or (not folder and name in recorded)
    }


def wait_booted(vm: Vm, seconds: float = BOOT_SECONDS) -> str:
    """Wait until systemd has started everything; return ``running`` or ``degraded``.

    Raises:
        LabError: if it has not within ``seconds``.
    """
    command = ["docker", "exec", vm.name, "systemctl", "is-system-running", "--wait"]
    return _retry(
        vm,
        "systemd did not come up",
        command,
        seconds,
        lambda said: said in {"running", "degraded"},
    )


def wait_ssh(lab: Lab, vm: Vm, seconds: float = BOOT_SECONDS) -> None:
    """Wait until the VM lets us in over SSH with the lab's key and the pinned host keys.

    Raises:
        LabError: if it has not within ``seconds``.
    """
    command = ssh_command(lab, vm, "echo", "in")
    _retry(vm, "SSH does not let us in", command, seconds, lambda said: said == "in")


def _retry(
    vm: Vm, what: str, command: list[str], seconds: float, good: Callable[[str], bool]
) -> str:
    deadline = time.monotonic() + seconds
    while True:
        said, complaint = _try(command, max(1.0, deadline - time.monotonic()))
        if good(said):
            return said
        if time.monotonic() > deadline:
            raise LabError(
                f"{what} within {seconds:.0f} s",
                where=vm.name,
                why=said or complaint,
                next_step=f"docker logs {vm.name}; docker exec {vm.name} systemctl list-jobs; "
                "./inv lab.down && ./inv lab.up starts afresh",
            )
        time.sleep(0.2)


def _try(command: list[str], seconds: float) -> tuple[str, str]:
    """Run a command once; return what it said and what it complained about."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", "no answer"
    return done.stdout.strip(), done.stderr.strip()
