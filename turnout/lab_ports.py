"""The ports of 127.0.0.1 that lead into the VMs: fixed ones where free, and kept for life."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Collection
from pathlib import Path

from turnout.lab_errors import LabError
from turnout.paths import LABS

# Below 32768, where the kernel takes ports for outgoing connections.
FIRST_PORTS = {"ssh_port": 18022, "http_port": 18080, "https_port": 18443}
SPAN = 55  # the ranges do not meet


def choose_ports(
    number: int, taken: Collection[int], is_free: Callable[[int], bool]
) -> tuple[int, int, int]:
    """Return a VM's ports for ssh, http and https: the fixed ones if free, else the next.

    Args:
        number: The VM's place in the lab, from 1.
        taken: Ports that belong to somebody, free at the moment or not.
        is_free: Says whether nothing uses a port now.

    Raises:
        LabError: if all ports of a range are in use.
    """
    ranges = [range(base + number - 1, base + SPAN) for base in FIRST_PORTS.values()]
    ssh, http, https = (_next_free(ports, taken, is_free) for ports in ranges)
    return ssh, http, https


def _next_free(ports: range, taken: Collection[int], is_free: Callable[[int], bool]) -> int:
    for port in ports:
        if port not in taken and is_free(port):
            return port
    raise LabError(
        "No port is left for the VM",
        where=f"127.0.0.1, {ports.start} to {ports.stop - 1}",
        why="every one of them is in use",
        next_step="./inv lab.list shows the labs, ./inv lab.down --lab NAME removes one",
    )


def port_is_free(port: int) -> bool:
    """Say whether nothing listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_port_conflict(why: str) -> bool:
    """Say whether this is docker's complaint about a port that somebody else has."""
    return any(words in why for words in ("port is already allocated", "address already in use"))


def recorded_ports(*, except_for: str = "", labs: Path = LABS) -> set[int]:
    """Return the ports of all VMs of this repository but one, the stopped ones' too."""
    ports: set[int] = set()
    for file in labs.glob("*/lab.json"):
        try:
            vms = json.loads(file.read_text())["vms"]
            others = [vm for vm in vms if vm["name"] != except_for]
            ports.update(vm[service] for vm in others for service in FIRST_PORTS)
        except (ValueError, KeyError, TypeError, OSError):
            continue  # an unreadable lab is reported by the command that uses it
    return ports
