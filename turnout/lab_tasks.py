"""The `lab.*` verbs: throw-away VMs on this machine."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from turnout.verbs import verb

_LAB_HELP = (
    "Name of the lab; each has VMs, a network and a key of its own. "
    "Deploy to it with TURNOUT_LAB=NAME."
)
_RELEASES = {"": None, "12": "bookworm", "13": "trixie"}  # the flag's value or, else, itself


@verb(name="up")
def lab_up(
    c: Context, hosts: int = 1, debian: str = "", lab: str = "local", packages: str = ""
) -> None:
    """Bring the lab's VMs up: starts what is stopped, makes what is missing."""
    from turnout import lab as labs
    from turnout.lab_list import list_vms, table

    installed = [name for name in packages.split(",") if name]
    labs.up(hosts, _RELEASES.get(debian, debian), lab=lab, packages=installed)
    print("\n".join(table(list_vms(lab))))


@verb(name="down")
def lab_down(c: Context, lab: str = "local") -> None:
    """Remove the lab's VMs with everything in them."""
    from turnout import lab as labs

    labs.down(lab)


@verb(name="list")
def lab_list(c: Context) -> None:
    """List the VMs of all labs: state, address, ports."""
    from turnout.lab_list import list_vms, table

    found = list_vms()
    print("\n".join(table(found)) if found else "No lab yet. Next: ./inv lab.up")


lab_up.help.update(
    hosts="How many VMs the lab has at least.",
    debian="Their Debian: 12, 13, or both in turn (default: 12).",
    lab=_LAB_HELP,
    packages="Debian packages, with commas, that a VM made now has from the beginning.",
)
lab_down.help.update(lab=_LAB_HELP)

lab = Collection("lab", lab_up, lab_down, lab_list)
