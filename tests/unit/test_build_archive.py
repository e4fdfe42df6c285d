"""The archive: the same bytes for the same files, and nothing that could land elsewhere."""

import os
import tarfile

import pytest

from tests.build_samples import write_app
from turnout_build import BuildError
from turnout_build.archive import read_entries, write_archive
from turnout_build.source import scan

TIME = 1_700_000_000


def pack(root, target):
    write_archive(root, read_entries(root, scan(root)), TIME, target)
    return target.read_bytes()


def test_folder_time_umask_and_archive_name_leave_no_trace(tmp_path):
    before = os.umask(0o077)
    one = write_app(tmp_path / "one")
    os.umask(0o002)
    two = write_app(tmp_path / "somewhere/two")
    os.umask(before)
    os.utime(two / "run", (1, 1))

    assert pack(one, tmp_path / "one.tar.gz") == pack(two, tmp_path / "other.name")


def test_members_are_sorted_owned_by_nobody_and_dated_by_the_commit(tmp_path):
    app = write_app(tmp_path / "app")
    pack(app, tmp_path / "code.tar.gz")

    with tarfile.open(tmp_path / "code.tar.gz") as archive:
        members = archive.getmembers()

    files = [member.name for member in members if member.isfile()]
    assert files == sorted(files)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", TIME)}


def test_only_the_owners_right_to_execute_is_kept(tmp_path):
    app = write_app(tmp_path / "app")
    (app / "shop/text.txt").chmod(0o666)
    (app / "run").chmod(0o700)
    pack(app, tmp_path / "code.tar.gz")

    with tarfile.open(tmp_path / "code.tar.gz") as archive:
        modes = {member.name: member.mode for member in archive.getmembers()}

    assert modes["shop/text.txt"] == 0o644
    assert modes["run"] == modes["shop"] == 0o755


def test_a_link_inside_the_code_stays_a_link(tmp_path):
    app = write_app(tmp_path / "app")
    (app / "shop/start").symlink_to("../run")
    pack(app, tmp_path / "code.tar.gz")

    with tarfile.open(tmp_path / "code.tar.gz") as archive:
        assert archive.getmember("shop/start").linkname == "../run"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../.."])
def test_a_link_out_of_the_code_is_refused(tmp_path, target):
    app = write_app(tmp_path / "app")
    (app / "shop/leak").symlink_to(target)

    with pytest.raises(BuildError, match=r"the link shop/leak leads to .*out of the app's source"):
        read_entries(app, scan(app))


def test_something_that_is_no_file_is_refused(tmp_path):
    app = write_app(tmp_path / "app")
    os.mkfifo(app / "pipe")

    with pytest.raises(BuildError, match="pipe is neither a file nor a link"):
        read_entries(app, scan(app))


def test_a_file_that_changes_while_it_is_packed_is_noticed(tmp_path):
    app = write_app(tmp_path / "app")
    entries = read_entries(app, scan(app))
    (app / "shop/text.txt").write_text("TEXT\n")

    with pytest.raises(BuildError, match=r"shop/text\.txt is not what it was"):
        write_archive(app, entries, TIME, tmp_path / "code.tar.gz")


def test_odd_names_survive(tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    names = ["a b", "ünï", "new\nline", "x" * 200, os.fsdecode(b"latin-\xe9")]
    for name in names:
        (app / name).write_text("")
    pack(app, tmp_path / "code.tar.gz")

    with tarfile.open(tmp_path / "code.tar.gz") as archive:
        assert sorted(archive.getnames()) == sorted(names)
