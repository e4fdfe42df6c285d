"""A configuration that nginx refuses never stays, and nothing else of it either."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.modules import turnout_nginx
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


class Module:
    """Stands for the module: systemctl says what the test lets it say."""

    def __init__(self, takes_it: bool) -> None:
        self.takes_it, self.children, self.reloads = takes_it, "7 8", 0

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        if "reload" in words:
            self.reloads += 1
            self.children = "8 9" if self.takes_it else "7 8"
        return 0, "6\n", ""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    log = tmp_path / "error.log"
    monkeypatch.setattr(turnout_nginx, "RELOAD_SECONDS", 0.1)
    monkeypatch.setattr(turnout_nginx, "ERROR_LOG", log)
    return log


def test_a_reload_is_over_when_there_is_a_worker_that_has_the_new_configuration(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Module(takes_it=True)
    monkeypatch.setattr(turnout_nginx, "workers", lambda _: {*module.children.split()})

    turnout_nginx.reload_nginx(module)

    assert module.reloads == 1


def test_a_configuration_that_nginx_could_not_take_is_told_in_its_words(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Module(takes_it=False)
    monkeypatch.setattr(turnout_nginx, "workers", lambda _: {*module.children.split()})
    quick.write_text("a [notice]\nbind() to 0.0.0.0:443 failed [emerg]\nb [notice]\n")

    with pytest.raises(RefusedError, match=r"bind\(\) to 0.0.0.0:443 failed"):
        turnout_nginx.reload_nginx(module)


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
