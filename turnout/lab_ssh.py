"""A lab's own SSH key and pinned host keys: read from the VM itself, never asked of the network."""

from __future__ import annotations

import subprocess

from turnout.docker import docker
from turnout.lab_errors import LabError
from turnout.lab_state import Lab, Vm, write

_AUTHORISE = "umask 077 && mkdir -p /root/.ssh && cat > /root/.ssh/authorized_keys"
_HOST_KEYS = "cat /etc/ssh/ssh_host_*_key.pub"


def ensure_key(lab: Lab) -> None:
    """Make the lab's key unless it is there, complete."""
    public = lab.key.with_suffix(".pub")
    if lab.key.exists() and public.exists():
        return
    lab.folder.mkdir(parents=True, exist_ok=True)
    staged = lab.folder / "new-key"
    for file in (lab.key, public, staged, staged.with_suffix(".pub")):
        file.unlink(missing_ok=True)
    options = ("-q", "-t", "ed25519", "-N", "", "-C", f"turnout lab {lab.name}")
    subprocess.run(
        ["ssh-keygen", *options, "-f", str(staged)],
        check=True,
        timeout=30,
    )
    staged.with_suffix(".pub").replace(public)
    staged.replace(lab.key)


def authorise(lab: Lab, vm: Vm) -> None:
    """Let the lab's key in as root, and no other."""
    public = lab.key.with_suffix(".pub").read_text()
    docker("exec", "--interactive", vm.name, "sh", "-c", _AUTHORISE, stdin=public)


def read_host_keys(vm: Vm) -> str:
    """Return the VM's lines for a known_hosts file.

    Raises:
        LabError: if the VM has no host keys.
    """
    lines = host_key_lines(vm.ssh_port, docker("exec", vm.name, "sh", "-c", _HOST_KEYS))
    if lines:
        return lines
    raise LabError(
        "The VM has no SSH host keys",
        where=vm.name,
        why="/etc/ssh holds none",
        next_step="./inv lab.down && ./inv lab.up makes it anew",
    )


def host_key_lines(port: int, public_keys: str) -> str:
    """Turn the public keys of a VM, one a line, into known_hosts lines for its port."""
    keys = [line.split()[:2] for line in public_keys.splitlines() if line.strip()]
    return "".join(f"{_host(port)}{kind} {key}\n" for kind, key in keys)


def is_pinned(lab: Lab, vm: Vm) -> bool:
    """Say whether this VM was seen through to its last step, which is pinning its keys."""
    return any(line.startswith(_host(vm.ssh_port)) for line in _pinned(lab))


def pin(lab: Lab, vm: Vm) -> None:
    """Trust the host keys this VM has now, and no other for its port."""
    keys = read_host_keys(vm)
    write(lab.known_hosts, "".join(_others(lab, vm)) + keys)


def unpin(lab: Lab, vm: Vm) -> None:
    """Forget the VM's keys, before another machine takes its place."""
    if is_pinned(lab, vm):
        write(lab.known_hosts, "".join(_others(lab, vm)))


def _others(lab: Lab, vm: Vm) -> list[str]:
    return [line for line in _pinned(lab) if not line.startswith(_host(vm.ssh_port))]


def _pinned(lab: Lab) -> list[str]:
    file = lab.known_hosts
    return file.read_text().splitlines(keepends=True) if file.exists() else []


def _host(port: int) -> str:
    return f"[127.0.0.1]:{port} "


def ssh_command(lab: Lab, vm: Vm, *command: str) -> list[str]:
    """Return the ssh command line that reaches the VM and nothing else."""
    options = [
        f"UserKnownHostsFile={lab.known_hosts}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ConnectTimeout=5",
    ]
    flags = [part for option in options for part in ("-o", option)]
    target = ["-i", str(lab.key), "-p", str(vm.ssh_port), "root@127.0.0.1"]
    return ["ssh", "-F", "none", *flags, *target, *command]
