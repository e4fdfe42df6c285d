"""A release that would fill a disk is refused before any host is changed, with numbers."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from turnout_build import BuildError
from turnout_build.room import MIB, check, sizes

TARGET = {"python": "3.11", "machine": "x86_64", "glibc": "2.36"}
MANIFEST = {
    "archive": {"size": MIB},
    "files": {"app.py": {"size": 2 * MIB}, "link.py": {"link": "app.py"}},
}


@pytest.fixture
def targets(tmp_path: Path) -> list[dict[str, Any]]:
    """One kind of host, with one wheel of 3 MiB that installs to 10 MiB."""
    wheel = tmp_path / "one.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.py", b"x" * 10 * MIB)
    wheels = [{"file": "one.whl", "sha256": "0a", "size": 3 * MIB, "path": str(wheel)}]
    return [{**TARGET, "venv_key": "v1", "wheels": wheels}]


def host(free: int = 0, wheels_free: int | None = None, **has: Any) -> dict[str, Any]:
    apart = wheels_free is not None
    room = [
        {"path": "/srv/shop", "device": 1, "free_bytes": free * MIB},
        {
            "path": "/var/lib/turnout/wheels",
            "device": 2 if apart else 1,
            "free_bytes": (wheels_free if apart else free) * MIB,
        },
    ]
    return {"target": TARGET, "venvs": [], "wheels": [], "room": room, **has}


def test_code_and_environment_count_with_their_bytecode(targets: list[dict[str, Any]]) -> None:
    assert sizes(MANIFEST, targets[0], host()) == (25 * MIB, 3 * MIB)


def test_what_the_host_has_takes_nothing(targets: list[dict[str, Any]]) -> None:
    assert sizes(MANIFEST, targets[0], host(wheels=["0a"])) == (25 * MIB, 0)
    assert sizes(MANIFEST, targets[0], host(venvs=["v1"])) == (5 * MIB, 0)


def test_a_host_without_room_is_named_with_what_it_lacks(targets: list[dict[str, Any]]) -> None:
    hosts = {"web1": host(free=528), "web2": host(free=527)}

    with pytest.raises(BuildError) as refused:
        check(MANIFEST, targets, hosts, 500 * MIB)

    assert "web2 has 527 MiB free in /srv/shop" in refused.value.why
    assert "500 MiB have to stay free" in refused.value.why
    assert "web1" not in refused.value.why
    assert "app_keep_megabytes" in refused.value.next_step


def test_two_disks_are_counted_apart(targets: list[dict[str, Any]]) -> None:
    check(MANIFEST, targets, {"web1": host(free=25, wheels_free=3)}, 0)
    with pytest.raises(BuildError, match="MiB free in /var/lib/turnout/wheels"):
        check(MANIFEST, targets, {"web1": host(free=25, wheels_free=2)}, 0)


def test_a_disk_that_gets_nothing_may_be_full(targets: list[dict[str, Any]]) -> None:
    check(MANIFEST, targets, {"web1": host(free=600, wheels_free=0, venvs=["v1"])}, 500 * MIB)


def test_a_host_without_wheels_is_left_to_the_stage(targets: list[dict[str, Any]]) -> None:
    other = {**TARGET, "python": "3.13"}
    check(MANIFEST, targets, {"web1": host(target=other)}, MIB)
