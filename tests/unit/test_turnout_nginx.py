"""A configuration that nginx refuses never stays, and nothing else of it either."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.modules.turnout_nginx import Entry, RefusedError, publish


def refuse() -> None:
    raise RefusedError("unknown directive")


def test_accepted_files_are_published(tmp_path: Path) -> None:
    site = tmp_path / "site.conf"

    publish([Entry(site, "new")], lambda: None)

    assert site.read_text() == "new"
    assert site.stat().st_mode & 0o777 == 0o644


def test_refused_files_leave_the_former_ones(tmp_path: Path) -> None:
    site, added, link = (tmp_path / name for name in ("site.conf", "added.conf", "default"))
    site.write_text("former")
    link.symlink_to("../sites-available/default")

    entries = [Entry(site, "new"), Entry(added, "new"), Entry(link, None)]
    with pytest.raises(RefusedError):
        publish(entries, refuse)

    assert site.read_text() == "former"
    assert not added.exists()
    assert str(link.readlink()) == "../sites-available/default"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["default", "site.conf"]


def test_an_interrupted_run_leaves_the_former_ones(tmp_path: Path) -> None:
    site = tmp_path / "site.conf"
    site.write_text("former")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish([Entry(site, "new")], interrupted)

    assert site.read_text() == "former"


def test_what_is_already_so_does_not_differ(tmp_path: Path) -> None:
    site = tmp_path / "site.conf"
    site.write_text("same")

    assert not Entry(site, "same").differs
    assert not Entry(tmp_path / "absent", None).differs


def test_a_link_in_place_of_a_file_differs(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "site.conf"
    target.write_text("same")
    link.symlink_to(target)

    publish([Entry(link, "same")], lambda: None)

    assert not link.is_symlink()
    assert target.read_text() == "same"


def test_a_dangling_link_can_be_removed(tmp_path: Path) -> None:
    link = tmp_path / "default"
    link.symlink_to("nowhere")
    entry = Entry(link, None)

    assert entry.differs
    publish([entry], lambda: None)

    assert not link.is_symlink()
