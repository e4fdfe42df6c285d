"""A lab's network: addresses that nothing else on this machine uses."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from turnout.docker import DockerError, docker, inspect
from turnout.lab_errors import LabError
from turnout.lab_state import Lab

# The benchmark range (RFC 2544): it clashes with no office network and no VPN.
POOL = ipaddress.IPv4Network("198.18.0.0/15")
FIRST_VM = 10
NETWORK_TRIES = 4


def free_subnets(used: Iterable[str]) -> Iterator[str]:
    """Yield the /24 networks of the pool that overlap none of ``used``, in order."""
    busy = [ipaddress.ip_network(net, strict=False) for net in used if ":" not in net]
    for candidate in POOL.subnets(new_prefix=24):
        if not any(candidate.overlaps(net) for net in busy if net.version == 4):
            yield str(candidate)


def subnets_in_use() -> list[str]:
    """Return the networks that the engine or this machine has."""
    return [*_docker_subnets(), *_routes()]


def vm_address(subnet: str, number: int) -> str:
    """Return the fixed address of VM ``number``."""
    return str(ipaddress.ip_network(subnet)[FIRST_VM + number])


def choose_name(lab: Lab) -> str:
    """Return a name for the lab's network: the plain one unless another clone has it."""
    plain = f"turnout-{lab.name}"
    owners = [network["Labels"].get("turnout.folder") for network in named(plain)]
    if all(owner == str(lab.folder) for owner in owners):
        return plain
    return f"{plain}-{hashlib.sha256(str(lab.folder).encode()).hexdigest()[:4]}"


def ensure_network(lab: Lab) -> str:
    """Make the lab's network unless it is there; return its subnet.

    Raises:
        LabError: if the pool is used up or docker refuses.
    """
    for network in named(lab.network):
        return str(network["IPAM"]["Config"][0]["Subnet"])
    for subnet in free_subnets(subnets_in_use()):
        if _make(lab, subnet):
            return subnet
    raise LabError(
        "No network is left for the lab",
        where=str(POOL),
        why="each /24 in it overlaps a network of this machine",
        next_step="./inv lab.list shows the labs, ./inv lab.down --lab NAME removes one",
    )


def _make(lab: Lab, subnet: str) -> bool:
    try:
        docker("network", "create", f"--subnet={subnet}", *lab.label_flags, lab.network)
    except DockerError as error:
        if "overlap" in error.why.lower():
            return False  # somebody else was faster
        raise
    return True


def remove(lab: Lab) -> None:
    """Remove the lab's network: the one with its folder on it, or the one it has on record."""
    labels = [(network, network["Labels"].get("turnout.folder")) for network in _networks()]
    ours = [
        network["Name"]
        for network, folder in labels
        if folder == str(lab.folder) or (not folder and network["Name"] == lab.network)
    ]
    if ours:
        docker("network", "rm", *ours)


def named(name: str) -> list[dict[str, Any]]:
    """Return what the engine knows about the network of this name: one entry, or none."""
    return [network for network in _networks() if network["Name"] == name]


def _networks() -> list[dict[str, Any]]:
    """Return all networks; asked again where one went away between listing and looking."""
    for _ in range(NETWORK_TRIES):
        with contextlib.suppress(DockerError):
            return inspect("network", *docker("network", "ls", "--quiet").split())
    return inspect("network", *docker("network", "ls", "--quiet").split())


def _docker_subnets() -> list[str]:
    configs = [network["IPAM"]["Config"] or [] for network in _networks()]
    return [entry["Subnet"] for config in configs for entry in config if "Subnet" in entry]


def _routes(table: Path = Path("/proc/net/route")) -> list[str]:
    """Return the IPv4 networks this machine already routes somewhere, as far as it tells."""
    if not table.exists():
        return []
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return [_network(row[1], row[7]) for row in rows if len(row) > 7 and row[1] != "00000000"]


def _network(destination: str, mask: str) -> str:
    words = (int(word, 16).to_bytes(4, "little") for word in (destination, mask))
    return "/".join(str(ipaddress.IPv4Address(word)) for word in words)
