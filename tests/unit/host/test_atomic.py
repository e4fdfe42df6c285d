"""Changes that are there wholly or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from turnout_host import atomic, journal


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_replaced_link_is_never_missing(root: Path) -> None:
    link, missing, done = root / "live", [], threading.Event()
    atomic.replace_link(link, "a")

    def watch() -> None:
        while not done.is_set():
            missing.append(not link.is_symlink())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(300):
        atomic.replace_link(link, f"target{number}")
    done.set()
    watcher.join()

    assert len(missing) > 10
    assert not any(missing)


def test_replacing_a_link_says_whether_that_changed_anything(root: Path) -> None:
    assert atomic.replace_link(root / "live", "a")
    assert not atomic.replace_link(root / "live", "a")
    assert atomic.replace_link(root / "live", "b")
    assert (root / "live").readlink() == Path("b")


def test_a_link_is_replaced_over_what_a_killed_call_left(root: Path) -> None:
    (root / ".live.new").symlink_to("old")

    atomic.replace_link(root / "live", "new")

    assert names(root) == ["live"]


def test_a_file_has_its_mode_whatever_the_umask(root: Path) -> None:
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        atomic.write_file(root / f"file{umask}", b"x", 0o640)
        os.umask(before)

        assert (root / f"file{umask}").stat().st_mode & 0o777 == 0o640


def test_a_file_whose_mode_alone_is_wrong_is_written_again(root: Path) -> None:
    assert atomic.write_file(root / "env", b"SECRET=hush", 0o644)
    assert atomic.write_file(root / "env", b"SECRET=hush", 0o400)
    assert not atomic.write_file(root / "env", b"SECRET=hush", 0o400)
    assert (root / "env").stat().st_mode & 0o777 == 0o400


def test_a_file_that_cannot_be_written_keeps_its_old_content(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic.write_file(root / "file", b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write_file(root / "file", b"new")

    assert (root / "file").read_bytes() == b"old"


def test_a_line_after_a_torn_one_is_whole(root: Path) -> None:
    path = root / "history.jsonl"
    path.write_text('{"release": "r1"}\n{"release": "r')

    atomic.append_line(path, '{"release": "r3"}')

    assert journal.read_lines(path) == [{"release": "r1"}, {"release": "r3"}]


def test_lines_are_appended_without_gaps(root: Path) -> None:
    for line in ("one", "two"):
        atomic.append_line(root / "log", line)

    assert (root / "log").read_text() == "one\ntwo\n"


def test_a_removed_folder_is_gone_with_everything_in_it(root: Path) -> None:
    (root / "release/code").mkdir(parents=True)
    (root / "release/code/app.py").write_text("")

    atomic.remove_tree(root / "release")

    assert names(root) == []


def test_removing_again_removes_what_a_killed_removal_left(root: Path) -> None:
    (root / ".release.gone/code").mkdir(parents=True)

    atomic.remove_tree(root / "release")

    assert names(root) == []


def test_leftovers_are_told_by_their_dot(root: Path) -> None:
    for name in (".r1.new", ".r2.gone", "r3"):
        (root / name / "code").mkdir(parents=True)

    atomic.remove_leftovers(root)

    assert names(root) == ["r3"]
