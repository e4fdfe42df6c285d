"""What a lab remembers between commands: its VMs, ports and network, as one JSON file."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from turnout.lab_errors import LabError
from turnout.paths import LABS

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Vm:
    """One throw-away machine.

    Attributes:
        name: The container's name, host name and name in the inventory.
        number: Its place in the lab, from 1.
        release: Debian's code name, ``bookworm`` or ``trixie``.
        address: Its address on the lab's own network.
        ssh_port, http_port, https_port: Where its ports 22, 80 and 443 answer on 127.0.0.1.
    """

    name: str
    number: int
    release: str
    address: str
    ssh_port: int
    http_port: int
    https_port: int

    @property
    def ports(self) -> tuple[int, int, int]:
        return self.ssh_port, self.http_port, self.https_port


@dataclass(frozen=True)
class Lab:
    """One lab: VMs on a network of their own, reached with a key of their own.

    Attributes:
        name: What this repository calls it.
        network: What the engine calls its network; its VMs' names begin with it. Another clone
            of the repository on the same engine has labs of its own.
        subnet: The network's addresses, as CIDR.
        vms: Its VMs by number.
    """

    name: str
    network: str = ""
    subnet: str = ""
    vms: tuple[Vm, ...] = ()

    @property
    def folder(self) -> Path:
        return LABS / self.name

    @property
    def lock(self) -> Path:
        """Beside the folder, which comes and goes."""
        return LABS / f".{self.name}.lock"

    @property
    def file(self) -> Path:
        return self.folder / "lab.json"

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def labels(self) -> dict[str, str]:
        """What the engine remembers of the lab: its name, and whose it is."""
        return {"turnout.lab": self.name, "turnout.folder": str(self.folder)}

    @property
    def label_flags(self) -> list[str]:
        return [f"--label={key}={value}" for key, value in self.labels.items()]

    def with_vm(self, vm: Vm) -> Lab:
        """Return the lab with ``vm`` in it, in the place of one with the same number."""
        others = [known for known in self.vms if known.number != vm.number]
        return replace(self, vms=tuple(sorted([*others, vm], key=lambda known: known.number)))


def load(name: str) -> Lab:
    """Return the lab as it was last saved, an empty one if there is none.

    Raises:
        LabError: if the name is not a lab's name, or the file is not ours.
    """
    lab = Lab(checked_name(name))
    try:
        data = json.loads(lab.file.read_text())
        vms = tuple(Vm(**vm) for vm in data["vms"])
        return Lab(name, data["network"], data["subnet"], vms)
    except FileNotFoundError:
        return lab
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(
            "The lab's state cannot be read",
            where=str(lab.file),
            why=f"{type(error).__name__}: {error}",
            next_step=f"./inv lab.down --lab {name} removes the lab, ./inv lab.up makes it anew",
        ) from None


def save(lab: Lab) -> None:
    """Write the lab's state so that a reader sees the old file or the new one."""
    lab.folder.mkdir(parents=True, exist_ok=True)
    data = {"lab": lab.name, "network": lab.network, "subnet": lab.subnet}
    files = {"key": lab.key.name, "known_hosts": lab.known_hosts.name}
    write(lab.file, json.dumps(data | files | {"vms": [asdict(vm) for vm in lab.vms]}, indent=2))


def write(path: Path, text: str) -> None:
    """Replace a small file in one rename."""
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text if text.endswith("\n") or not text else f"{text}\n")
    staged.replace(path)


def checked_name(name: str) -> str:
    """Return ``name`` if a lab can be called that, else raise LabError."""
    if NAME.fullmatch(name):
        return name
    raise LabError(
        "This is not a name for a lab",
        where=f"lab name {name!r}",
        why="small letters, digits and dashes, starting with a letter, 31 at most",
        next_step="choose another name, such as `local`",
    )


@contextmanager
def locked(lock: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Let one command at a time do what ``lock`` stands for; a killed one holds nothing."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"Waiting for another command that is working on this ({lock})")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
