"""Which files are the app's, and whether they are what was committed."""

import os

import pytest

from tests.build_samples import APP_FILES, commit_app, git, write_app
from turnout_build import BuildError
from turnout_build.source import read_source


@pytest.fixture
def app(tmp_path):
    return commit_app(tmp_path / "app")


def test_a_clean_checkout_is_its_commit(app):
    source = read_source(app, allow_dirty=False)

    assert source.files == APP_FILES
    assert source.commit == git(app, "rev-parse", "HEAD")
    assert source.time == int(git(app, "log", "-1", "--format=%ct"))
    assert not source.dirty
    assert source.label == source.commit[:7]


def test_a_changed_file_is_refused_and_named(app):
    (app / "shop/text.txt").write_text("other\n")

    with pytest.raises(BuildError, match=r"M shop/text\.txt.*--dirty"):
        read_source(app, allow_dirty=False)


def test_a_forgotten_new_file_is_refused_and_named(app):
    (app / "shop/new.py").write_text("")

    with pytest.raises(BuildError, match=r"\?\? shop/new\.py"):
        read_source(app, allow_dirty=False)


def test_many_changes_are_counted_not_listed(app):
    for number in range(8):
        (app / f"new{number}").write_text("")

    with pytest.raises(BuildError, match="and 3 more"):
        read_source(app, allow_dirty=False)


def test_a_dirty_tree_says_so_and_takes_the_time_of_its_newest_change(app):
    (app / "shop/new.py").write_text("")
    os.utime(app / "shop/new.py", (2_000_000_000, 2_000_000_000))

    source = read_source(app, allow_dirty=True)

    assert "shop/new.py" in source.files
    assert source.label.endswith(".dirty")
    assert source.time == 2_000_000_000


def test_a_deleted_file_is_not_shipped(app):
    (app / "shop/text.txt").unlink()

    source = read_source(app, allow_dirty=True)

    assert "shop/text.txt" not in source.files
    assert source.dirty


def test_ignored_files_are_neither_shipped_nor_dirt(app):
    (app / ".gitignore").write_text("*.log\n")
    git(app, "add", ".gitignore")
    git(app, "commit", "--quiet", "--no-gpg-sign", "--message", "Ignore logs")
    (app / "debug.log").write_text("")

    assert "debug.log" not in read_source(app, allow_dirty=False).files


def test_a_development_env_file_is_never_shipped_from_outside_git(app):
    (app / ".env").write_text("SECRET_KEY=real\n")

    assert not read_source(app, allow_dirty=False).dirty
    assert ".env" not in read_source(app, allow_dirty=True).files


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_a_file_that_git_was_told_not_to_look_at_is_refused_and_named(app, flag):
    git(app, "update-index", flag, "shop/text.txt")
    (app / "shop/text.txt").write_text("password of development\n")

    with pytest.raises(BuildError, match=r"shop/text\.txt"):
        read_source(app, allow_dirty=False)
    assert read_source(app, allow_dirty=True).dirty


def test_a_submodule_that_is_not_here_is_named_with_the_command(app, tmp_path):
    part = commit_app(tmp_path / "part")
    git(app, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(part), "part")
    git(app, "commit", "--quiet", "--message", "Add a part")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(app), str(clone))

    with pytest.raises(BuildError, match="part is a submodule") as missing:
        read_source(clone, allow_dirty=False)

    assert missing.value.next_step == "git submodule update --init --recursive"
    assert "part/shop/text.txt" in read_source(app, allow_dirty=False).files


def test_a_change_in_a_submodule_is_refused_whatever_its_settings_ask_for(app, tmp_path):
    part = commit_app(tmp_path / "part")
    git(app, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(part), "part")
    git(app, "config", "--file", ".gitmodules", "submodule.part.ignore", "all")
    git(app, "add", ".gitmodules")
    git(app, "commit", "--quiet", "--message", "Add a part")
    (app / "part/shop/text.txt").write_text("other\n")

    with pytest.raises(BuildError, match="is not what is committed"):
        read_source(app, allow_dirty=False)


def test_a_git_that_shows_signatures_is_understood(app, tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text("[log]\n  showSignature = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    assert read_source(app, allow_dirty=False).commit == git(app, "rev-parse", "HEAD")


def test_only_the_folder_of_the_app_decides_whether_it_is_dirty(tmp_path):
    top = commit_app(tmp_path / "repository")
    (top / "elsewhere.txt").write_text("")

    source = read_source(top / "shop", allow_dirty=False)

    assert source.files == ("__init__.py", "text.txt")


def test_a_repository_without_a_commit_is_dirty(tmp_path):
    app = write_app(tmp_path / "app")
    git(app, "init", "--quiet")

    with pytest.raises(BuildError, match="is not what is committed"):
        read_source(app, allow_dirty=False)
    assert read_source(app, allow_dirty=True).label == "nogit"


def test_a_folder_without_git_is_everything_but_caches_and_environments(tmp_path):
    app = write_app(tmp_path / "app")
    for junk in ("__pycache__/a.pyc", ".venv/x", "node_modules/y", "myenv/bin/python", ".env"):
        (app / junk).parent.mkdir(parents=True, exist_ok=True)
        (app / junk).write_text("")
    (app / "myenv/pyvenv.cfg").write_text("")
    os.utime(app / "run", (2_000_000_000, 2_000_000_000))

    source = read_source(app, allow_dirty=False)

    assert source.files == APP_FILES
    assert source.label == "nogit"
    assert source.time == 2_000_000_000


def test_a_folder_that_its_repository_ignores_counts_as_without_git(app):
    (app / ".gitignore").write_text("/copy/\n")
    copy = write_app(app / "copy")

    assert read_source(copy, allow_dirty=False).files == APP_FILES


def test_a_repository_git_refuses_to_read_is_no_folder_without_git(app):
    (app / ".git/config").write_text("[broken\n")

    with pytest.raises(BuildError, match=r"git in .* says"):
        read_source(app, allow_dirty=True)


def test_an_active_repository_elsewhere_does_not_leak_in(app, tmp_path, monkeypatch):
    other = commit_app(tmp_path / "other")
    (other / "stray").write_text("")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))

    assert not read_source(app, allow_dirty=False).dirty


def test_an_empty_folder_is_no_app(tmp_path):
    with pytest.raises(BuildError, match="there is no file in"):
        read_source(tmp_path, allow_dirty=False)
