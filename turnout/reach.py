"""Why a host cannot be reached, told apart, each with its remedy."""

from __future__ import annotations

from turnout.environment import Host
from turnout.errors import TurnoutError


class HostError(TurnoutError):
    """Something failed on, or on the way to, one host."""

    def __init__(self, host: str, what: str, why: str = "", next_step: str = "") -> None:
        super().__init__(f"{host}: {what}", why, next_step)
        self.host = host
        self.problem = what


# What OpenSSH and paramiko say, in lower case, most telling first.
_SIGNS = {
    "changed": ("identification has changed", "host key for server", "host key mismatch"),
    "unknown_key": ("host key verification failed", "not found in known_hosts"),
    "key_file": ("no such identity", "no such file", "bad permissions", "not a valid", "libcrypto"),
    "refused_key": ("permission denied", "authentication failed", "authentication methods"),
    "name": ("could not resolve", "name or service not known", "nodename nor servname"),
    "port": ("connection refused", "unable to connect to port"),
    "no_ssh": ("kex_exchange_identification", "protocol banner", "connection reset"),
    "silence": ("timed out", "no route to host", "network is unreachable"),
}

_SAYS = {
    "changed": (
        "the host key is not the pinned one: it was reinstalled, or this is another machine",
        "find out why, then pin the new key: ssh-keygen -R '{known}' and connect once with ssh, "
        "or, where inventories/<env>/known_hosts is there, in that file",
    ),
    "unknown_key": (
        "the host key is not known, so nobody can tell whether this is the right machine",
        "pin it: connect once with ssh -p {port} {address} and compare the fingerprint, "
        "or, where inventories/<env>/known_hosts is there, in that file",
    ),
    "refused_key": (
        "SSH refused the key of user {user}, {key}",
        "check ansible_user and ansible_ssh_private_key_file of {name}, "
        "and authorized_keys on the host",
    ),
    "key_file": (
        "the SSH key {key} cannot be used",
        "check ansible_ssh_private_key_file of {name}: it must exist with mode 0600",
    ),
    "name": (
        "the name {address} does not resolve",
        "check ansible_host of {name} in the inventory, and your DNS or VPN",
    ),
    "port": (
        "port {port} of {address} is closed",
        "is the machine up, does sshd run there, is ansible_port right?",
    ),
    "no_ssh": (
        "port {port} of {address} is open, and no SSH answers there",
        "does sshd run on {name}, is ansible_port right?",
    ),
    "silence": (
        "no answer from {address}, port {port}",
        "is the machine up, and does a firewall or a VPN stand between?",
    ),
    "other": ("cannot be reached", "try it by hand: ssh -p {port} {address}"),
}

# A lab is thrown away sooner than mended.
_LAB_ANEW = "invoke lab.down, then invoke deploy --env local makes a new VM"
_LAB_UP = "invoke lab.up starts the VM again and gives it a key"


def unreachable(host: Host, message: str, *, lab: bool = False) -> HostError:
    """Return the error for ``host``, told from the ``message`` of whoever tried to reach it.

    Args:
        host: the host, as the inventory describes it.
        message: what SSH said.
        lab: the host is a throw-away VM, for which making it anew is the remedy.
    """
    kind = kind_of(message)
    what, next_step = _SAYS[kind]
    words = {
        "name": host.name,
        "address": host.address,
        "port": host.port or 22,
        "user": host.user or "(yours)",
        "key": host.key_file or "any of your own",
        "known": f"[{host.address}]:{host.port}" if host.port else host.address,
    }
    remedy = next_step.format(**words)
    if lab:
        remedy = _LAB_ANEW if kind in ("changed", "refused_key", "no_ssh", "other") else _LAB_UP
    return HostError(host.name, what.format(**words), message, remedy)


def kind_of(message: str) -> str:
    """Return which of the known reasons ``message`` speaks of, 'other' when none."""
    said = message.lower()
    for kind, signs in _SIGNS.items():
        if any(sign in said for sign in signs):
            return kind
    return "other"
