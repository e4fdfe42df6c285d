"""uv as hosts run it: the version that is locked here, for their machine."""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Callable
from pathlib import Path

from . import tools
from .download import fetch
from .errors import BuildError
from .files import digest, locked, read_json, write_bytes, write_json
from .locks import Pin, read_lock
from .spec import Target
from .wheelstore import Wheel, WheelStore

# uv is a static program but for the C library, of which it needs no newer one than this.
_GLIBC = "2.17"


def uv_program(machine: str, lock: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    """Return uv's program for hosts of this machine, fetching its wheel once.

    Args:
        machine: as ``uname -m`` says.
        lock: hash-locked requirements that pin uv.
        cache: the folder ``.turnout``.
        progress: called with a line when something takes a while.

    Raises:
        BuildError: there is no such wheel, or it cannot be had now.
    """
    if (platform.system(), platform.machine()) == ("Linux", machine):
        return Path(tools.uv())
    pin = _pin(lock)
    program = cache / "cache" / f"uv-{pin.version}-{machine}"
    if program.exists():
        return program
    # Provision asks for each host in a process of its own.
    with locked(cache / "cache/lock", lambda: progress("Waiting for another build to end")):
        if not program.exists():
            wheel = _wheel(pin, Target("3.11", machine, _GLIBC), cache, progress)
            with zipfile.ZipFile(wheel) as archive:
                write_bytes(program, archive.read(f"uv-{pin.version}.data/scripts/uv"))
    return program


def _pin(lock: Path) -> Pin:
    for (name, version), hashes in read_lock(lock).pins.items():
        if name == "uv":
            return Pin(name, version, tuple(sorted(hashes)))
    raise BuildError("uv cannot be put on the hosts", f"{lock} does not pin it", "pin uv there")


def _wheel(pin: Pin, target: Target, cache: Path, progress: Callable[[str], None]) -> Path:
    store = WheelStore(cache / "wheels")
    memory = cache / "cache" / f"wheel-{digest(pin.version, pin.hashes, target.machine)}.json"
    known = [Wheel(**fields) for fields in read_json(memory) or []]
    if not (known and store.has(known[0])):
        progress(f"Fetching uv {pin.version} for {target.machine}")
        known = list(fetch([pin], [], target, store, progress).values())
        write_json(memory, [wheel.as_json() for wheel in known])
    return store.path(known[0])
