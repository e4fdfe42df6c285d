"""What hosts tell of a failed deploy lies in a folder for its owner, and does not pile up."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from turnout_build import failures

BEGAN = 1_764_000_000.0  # 2025-11-24 16:00:00 UTC


def keep(folder: Path, files: dict[str, str] | None = None, *, host: str = "web1") -> Path:
    told = {"cause.txt": "it broke\n"} if files is None else files
    return failures.keep(told, app="hello", host=host, began=BEGAN, folder=folder / "failures")


def test_hosts_of_one_deploy_lie_side_by_side(tmp_path: Path) -> None:
    first, second = keep(tmp_path), keep(tmp_path, host="web2")

    assert first == tmp_path / "failures/20251124T160000Z-hello/web1"
    assert second == first.with_name("web2")
    assert (first / "cause.txt").read_text() == "it broke\n"


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    place = keep(tmp_path)

    made = [tmp_path / "failures", place.parent, place, place / "cause.txt"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o700, 0o700, 0o600]


def test_a_host_chooses_neither_other_files_nor_another_folder(tmp_path: Path) -> None:
    place = keep(tmp_path, {"../../escaped": "x", "cause.txt": "y"}, host="../../web1")

    assert [path.name for path in place.iterdir()] == ["cause.txt"]
    assert place.resolve().is_relative_to(tmp_path / "failures/20251124T160000Z-hello")
    assert not list(tmp_path.rglob("escaped"))


def test_a_log_cannot_command_the_terminal_that_shows_it(tmp_path: Path) -> None:
    place = keep(tmp_path, {"log.txt": "a\tb\n\x1b[2Jc\x9bd\r\n"})

    assert (place / "log.txt").read_text() == "a\tb\n[2Jcd\n"


def test_the_last_twenty_are_kept(tmp_path: Path) -> None:
    for second in range(23):
        failures.keep(
            {}, app="hello", host="web1", began=BEGAN + second, folder=tmp_path / "failures"
        )

    left = sorted(path.name for path in (tmp_path / "failures").iterdir())
    assert len(left) == 20
    assert left[0] == "20251124T160003Z-hello"


def test_a_folder_below_is_shown_as_one_would_type_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert failures.shown(tmp_path / "failures/x") == "failures/x"
    assert failures.shown(tmp_path.parent / "x") == str(tmp_path.parent / "x")
