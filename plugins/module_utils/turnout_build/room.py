"""Whether the hosts have room for what is about to be shipped, asked before any of them changes."""

from __future__ import annotations

import zipfile
from collections import Counter
from typing import Any

from .errors import BuildError

MIB = 2**20
# Python writes about as much bytecode beside the code as it reads.
_WITH_BYTECODE = 2

Facts = dict[str, Any]


def check(manifest: Facts, targets: list[Facts], hosts: dict[str, Facts], spare_bytes: int) -> None:
    """Refuse a release for which a host has no room.

    Args:
        manifest: the artifact's.
        targets: its wheels for each kind of host, each with the path where it is here.
        hosts: what preflight found on each, by name: ``target``, ``wheels``, ``venvs`` and
            ``room``, the free bytes where releases and wheels go.
        spare_bytes: what must stay free for what the host itself writes.

    Raises:
        BuildError: with every host that lacks room, and how much.
    """
    short = [
        f"{name} has {room['free_bytes'] // MIB} MiB free in {room['path']}, the release takes "
        f"{wanted // MIB + 1} MiB there and {spare_bytes // MIB} MiB have to stay free"
        for name, host in hosts.items()
        for room, wanted in _wanted(manifest, targets, host)
        if wanted and room["free_bytes"] < wanted + spare_bytes
    ]
    if short:
        raise BuildError(
            "There is no room for the release",
            "; ".join(short),
            "make room on the host (`du -xh --max-depth=2 /srv /var | sort -h` shows what takes "
            "it), or let it keep less: app_keep_releases, app_keep_megabytes. Nothing was changed "
            "on any host",
        )


def _wanted(manifest: Facts, targets: list[Facts], host: Facts) -> list[tuple[Facts, int]]:
    """Return how much the release takes on each disk of a host, by where that is."""
    here = [
        one for one in targets if all(one[fact] == host["target"][fact] for fact in host["target"])
    ]
    if not here:
        return []  # stage says that there are no wheels for it
    release, wheels = sizes(manifest, here[0], host)
    on_device: Counter[int] = Counter()
    for room, size in zip(host["room"], (release, wheels), strict=True):
        on_device[room["device"]] += size
    return [(room, on_device[room["device"]]) for room in host["room"]]


def sizes(manifest: Facts, wheel_set: Facts, host: Facts) -> tuple[int, int]:
    """Return what the release takes below ``/srv`` and in the wheelhouse, in bytes."""
    code = sum(facts.get("size", 0) for facts in manifest["files"].values())
    release = manifest["archive"]["size"] + code * _WITH_BYTECODE
    if wheel_set["venv_key"] in host["venvs"]:
        return release, 0
    installed = sum(_installed(wheel["path"]) for wheel in wheel_set["wheels"])
    lacking = [wheel for wheel in wheel_set["wheels"] if wheel["sha256"] not in host["wheels"]]
    return release + installed * _WITH_BYTECODE, sum(wheel["size"] for wheel in lacking)


def _installed(wheel: str) -> int:
    with zipfile.ZipFile(wheel) as archive:
        return sum(member.file_size for member in archive.infolist())
