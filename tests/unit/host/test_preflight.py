"""What makes a host unfit for a deploy, told before anything is touched."""

from __future__ import annotations

import os
import platform
import sys
from types import SimpleNamespace

import pytest

from tests.unit.host import making
from turnout_host import preflight
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout


def disk(free_bytes: int, files: int = 1_000_000) -> SimpleNamespace:
    """Return what statvfs(3) says of a disk with this much left for everybody."""
    return SimpleNamespace(f_bavail=free_bytes >> 12, f_frsize=1 << 12, f_files=1, f_favail=files)


@pytest.mark.parametrize(
    ("specifier", "fits"),
    [
        ("", True),
        (">=3.11", True),
        (">= 3.11 , <3.14", True),
        (">=3.11.2", True),
        (">=3.11.3", False),
        (">3.11", True),
        (">3.11.2", False),
        ("<3.11.3", True),
        ("<3.11", False),
        ("<=3.11", False),
        ("<=3.11.2", True),
        (">=3.12", False),
        (">=4", False),
        (">=3", True),
        ("==3.11", False),
        ("==3.11.2", True),
        ("==3.11.*", True),
        ("==3.1.*", False),
        ("==3.*", True),
        ("!=3.11.*", False),
        ("!=3.11.2", False),
        ("!=3.11.3", True),
        ("~=3.11", True),
        ("~=3.10", True),
        ("~=3.12", False),
        ("~=3.11.1", True),
        ("~=3.11.3", False),
        ("~=3.10.1", False),
        (">=3.9,!=3.11.2", False),
    ],
)
def test_version_conditions_mean_what_they_mean_to_pip(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, specifier: str, fits: bool
) -> None:
    monkeypatch.setattr(preflight, "sys", PYTHON)
    if fits:
        preflight.preflight(layout, specifier, 0)
    else:
        with pytest.raises(HostFailure, match="the app needs Python"):
            preflight.preflight(layout, specifier, 0)


class _Version(tuple[int, ...]):
    major, minor = 3, 11

    def __new__(cls, *parts: int) -> _Version:
        return super().__new__(cls, parts)


PYTHON = SimpleNamespace(version_info=_Version(3, 11, 2), version="3.11.2 (main)")


@pytest.mark.parametrize("specifier", ["3.11", "=>3.11", ">=three", ">=3.11 <4"])
def test_what_is_no_version_condition_is_refused_with_an_example(
    layout: Layout, specifier: str
) -> None:
    with pytest.raises(HostFailure, match="no version condition") as refused:
        preflight.preflight(layout, specifier, 0)

    assert ">=3.11,<3.14" in refused.value.next_step


@pytest.mark.parametrize("missing", ["base_unit", "settings", "releases"])
def test_a_host_that_is_not_provisioned_is_refused(layout: Layout, missing: str) -> None:
    path = getattr(layout, missing)
    path.rmdir() if path.is_dir() else path.unlink()

    with pytest.raises(HostFailure, match="not provisioned for hello") as refused:
        preflight.preflight(layout, "", 0)

    assert "provision" in refused.value.next_step


def test_a_full_disk_is_refused_with_numbers(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: disk(5 << 20))

    preflight.preflight(layout, "", 5 << 20)
    with pytest.raises(HostFailure, match=r"5 MiB .* 6 MiB needed") as refused:
        preflight.preflight(layout, "", 6 << 20)

    assert "app_keep_releases is 2" in refused.value.next_step
    assert "app_keep_megabytes has no limit" in refused.value.next_step


def test_a_full_disk_of_the_wheelhouse_is_refused_too(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.wheels.mkdir(parents=True, exist_ok=True)
    room = {layout.base: 1 << 40, layout.wheels: 5 << 20}
    monkeypatch.setattr(os, "statvfs", lambda folder: disk(room[folder]))

    with pytest.raises(HostFailure, match=rf"the disk of {layout.wheels} is full"):
        preflight.preflight(layout, "", 6 << 20)


def test_a_disk_without_room_for_names_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: disk(1 << 40, files=10))

    with pytest.raises(HostFailure, match="10 files free, 5000 files needed"):
        preflight.preflight(layout, "", 0)


def test_a_fresh_host_has_nothing(layout: Layout) -> None:
    found = preflight.preflight(layout, "", 0)

    assert found["live"] is found["release"] is None
    assert found["releases"] == found["wheels"] == found["venvs"] == []
    assert [room["path"] for room in found["room"]] == [str(layout.base), str(layout.wheels)]
    assert all(room["free_bytes"] > 0 for room in found["room"])
    assert found["target"] == {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": platform.machine(),
        "glibc": platform.libc_ver()[1],
    }


def test_only_what_is_whole_counts_as_there(layout: Layout) -> None:
    making.put_live(layout, "green", "r1")
    (layout.releases / ".r2.new/code").mkdir(parents=True)
    (layout.venvs / "half").mkdir()
    for sha256 in ("0a", "0b"):
        (layout.wheels / sha256).mkdir()
    (layout.wheels / "0a/one.whl").write_text("")
    (layout.wheels / ".hello.new").write_text("")

    found = preflight.preflight(layout, "", 0)

    assert (found["live"], found["release"]) == ("green", "r1")
    assert found["releases"] == ["r1"]
    assert found["venvs"] == ["v1"]
    assert found["wheels"] == ["0a"]
