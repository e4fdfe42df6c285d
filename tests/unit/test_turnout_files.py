"""Folders and files are as they are to be afterwards, and check mode says so before."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.modules import turnout_files
from plugins.modules.turnout_files import InTheWayError, file, folder

ME = {"owner": pwd.getpwuid(os.getuid())[0], "group": grp.getgrgid(os.getgid())[0]}

Act = Callable[[bool], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _owned_by_whoever_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnout_files.os, "chown", lambda *_: None)
    monkeypatch.setattr(turnout_files, "roots", lambda path: path.stat().st_mode & 0o777 == 0o644)


def wanted(path: Path, mode: str = "0750", *, follow: bool = True) -> dict[str, Any]:
    return {"path": str(path), "mode": mode, "follow": follow, **ME}


def test_a_folder_is_made_once_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "shared"

    (made,) = folder(wanted(path), False)

    assert path.stat().st_mode & 0o7777 == 0o750
    assert (made["before"], made["after"]) == ("", f"{ME['owner']}:{ME['group']} 0750\n")
    assert folder(wanted(path), False) == []


def test_a_folder_that_others_may_write_gets_its_mode_back(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    (changed,) = folder(wanted(tmp_path, "0755"), False)

    assert changed["before"].endswith(" 0777\n")
    assert tmp_path.stat().st_mode & 0o7777 == 0o755


def test_a_link_to_a_folder_is_the_folder_unless_nobody_may_follow_it(tmp_path: Path) -> None:
    target, link = tmp_path / "disk", tmp_path / "srv"
    target.mkdir(0o700)
    link.symlink_to(target)

    folder(wanted(link, "0755"), False)
    assert target.stat().st_mode & 0o777 == 0o755

    with pytest.raises(InTheWayError, match=f"{link} is no folder"):
        folder(wanted(link, follow=False), False)


def test_a_file_where_a_folder_is_to_be_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "releases"
    path.write_text("mine")

    with pytest.raises(InTheWayError, match="move it away"):
        folder(wanted(path), False)

    assert path.read_text() == "mine"


def test_a_file_is_written_where_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "app.json"

    assert file(path, "new\n", False)
    assert not file(path, "new\n", False)
    path.chmod(0o666)
    assert file(path, "new\n", False)

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o644)


def test_line_ends_are_kept_as_they_are_given(tmp_path: Path) -> None:
    path = tmp_path / "app.json"

    assert file(path, "one\r\n", False)
    assert not file(path, "one\r\n", False)
    assert file(path, "one\n", False)

    assert path.read_bytes() == b"one\n"


def test_an_account_of_two_names_owns_a_folder_by_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = pwd.struct_passwd(("toor", "x", os.getuid(), os.getgid(), "", "/", "/bin/sh"))
    asked = {"toor": second}
    monkeypatch.setattr(turnout_files.pwd, "getpwnam", asked.__getitem__)
    tmp_path.chmod(0o750)

    assert folder({**wanted(tmp_path), "owner": "toor"}, False) == []


def test_a_link_in_place_of_a_file_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "app.json"
    target.write_text("same")
    link.symlink_to(target)

    file(link, "same", False)

    assert not link.is_symlink()
    assert target.read_text() == "same"


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_to_be_absent_is_removed_also_a_dangling_link(
    tmp_path: Path, is_link: bool
) -> None:
    path = tmp_path / "signers"
    path.symlink_to("nowhere") if is_link else path.write_text("key")

    assert file(path, None, False)
    assert not file(path, None, False)

    assert not os.path.lexists(path)


def test_a_folder_where_a_file_is_to_be_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InTheWayError, match="is a folder"):
        file(tmp_path, None, False)


def test_check_mode_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    new, old = tmp_path / "a/b", tmp_path / "old"
    old.write_text("old\n")
    acts: list[Act] = [
        lambda check: folder(wanted(tmp_path / "a"), check),
        lambda check: folder(wanted(new), check),
        lambda check: file(new / "c", "c\n", check),
        lambda check: file(old, "new\n", check),
        lambda check: file(old, None, check),
    ]

    predicted = [act(True) for act in acts]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]
    assert old.read_text() == "old\n"

    done = [act(False) for act in acts]
    assert predicted[:4] == done[:4]
    assert [len(one) for one in predicted] == [1] * len(acts)
