"""A release is on the host whole or not at all, and nothing of it leaves its folder."""

from __future__ import annotations

import io
import json
import os
import pwd
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.making import file_member, special_member
from turnout_host import command, envfile, gunicorn_hooks, releases, stage, venvs
from turnout_host.artifact import Artifact
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout

pytestmark = pytest.mark.usefixtures("owners")
NOBODY = pwd.getpwnam("nobody")


def stage_r1(layout: Layout, systemd: FakeSystemd, **changes: Any) -> Path:
    """Stage r1 and return its folder."""
    stage.stage(layout, making.make_request(layout, "r1", **changes), systemd)
    return layout.release("r1")


def test_a_release_has_all_its_parts(layout: Layout, systemd: FakeSystemd) -> None:
    folder = stage_r1(layout, systemd)

    assert sorted(path.name for path in folder.iterdir()) == [
        "artifact", "code", "config", "env", "gunicorn.conf.py", "gunicorn_threads.py",
        "release.json", "seal.json", "static", "unit.conf",
    ]  # fmt: skip
    manifest = json.loads((folder / "release.json").read_text())
    assert (manifest["release"], manifest["app"], manifest["venv"]) == ("r1", "hello", "v1")
    assert (manifest["artifact"], manifest["commit"], manifest["signer"]) == ("r1", "c1", None)
    assert manifest["writable"] == [str(layout.shared)]
    assert "hush" not in (folder / "release.json").read_text()
    assert making.leftovers(layout) == []


def test_the_release_s_name_is_filled_in(layout: Layout, systemd: FakeSystemd) -> None:
    folder = stage_r1(layout, systemd)

    assert (folder / "config/sub/app.ini").read_text() == "release = r1\n"
    assert 'WHERE="/srv/hello/releases/r1/config"\n' in (folder / "env").read_text()


def test_secrets_are_for_root_and_configuration_for_the_app(
    layout: Layout, systemd: FakeSystemd, owners: dict[str, tuple[int, int]]
) -> None:
    files = [
        {"dest": "app.ini", "content": "x"},
        {"dest": "open.ini", "content": "x", "mode": "0444"},
    ]
    folder = stage_r1(layout, systemd, config_files=files)

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("**/*")}
    assert (modes["env"], modes["app.ini"], modes["open.ini"]) == (0o400, 0o440, 0o444)
    assert owners["app.ini"] == (0, NOBODY.pw_gid)
    assert "env" not in owners


def test_code_keeps_its_times_links_and_what_may_run(layout: Layout, systemd: FakeSystemd) -> None:
    code = stage_r1(layout, systemd) / "code"

    assert (code / "app.py").stat().st_mtime == making.COMMIT_TIME
    assert (code / "app.py").stat().st_mode & 0o777 == 0o644
    assert (code / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert str((code / "link.py").readlink()) == "app.py"


def test_the_app_can_read_a_release_whatever_roots_umask(
    layout: Layout, systemd: FakeSystemd
) -> None:
    before = os.umask(0o077)
    folder = stage_r1(layout, systemd)
    after = os.umask(before)

    for path in (folder, *folder.glob("**/")):
        assert path.stat().st_mode & 0o777 == 0o755
    assert after == 0o077


def test_static_paths_are_numbered_links_into_code_or_packages(
    layout: Layout, systemd: FakeSystemd
) -> None:
    static = [{"url": "/s/", "path": "static"}, {"url": "/a/", "path": "site-packages/one/static"}]
    folder = stage_r1(layout, systemd, settings=making.settings(static=static))

    assert (folder / "static/0/hello.css").read_bytes() == b"p {}\n"
    packages = str((folder / "static/1").readlink())
    assert packages.startswith(f"{layout.venv('v1')}/lib/python3")
    assert packages.endswith("/site-packages/one/static")


def test_writable_folders_are_the_apps_and_outlive_the_release(
    layout: Layout, systemd: FakeSystemd, owners: dict[str, tuple[int, int]]
) -> None:
    code = making.archive(file_member("app.py"), file_member("instance/default.cfg"))
    folder = stage_r1(layout, systemd, code=code)

    assert (layout.shared / "uploads").is_dir()
    assert (folder / "code/instance").readlink() == layout.shared / "instance"
    assert owners["uploads"] == owners["instance"] == (NOBODY.pw_uid, NOBODY.pw_gid)


def test_a_writable_folder_that_is_roots_still_is_given_to_the_app(
    layout: Layout, systemd: FakeSystemd, owners: dict[str, tuple[int, int]]
) -> None:
    (layout.shared / "uploads").mkdir()

    stage_r1(layout, systemd)

    assert owners["uploads"] == (NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize("artifact", ["r", "r10", "another"])
def test_another_artifact_than_the_release_is_made_of_is_refused(
    layout: Layout, systemd: FakeSystemd, artifact: str
) -> None:
    with pytest.raises(HostFailure, match=f"another artifact: {artifact}"):
        stage_r1(layout, systemd, name=artifact)

    nothing_stays(layout)


def test_no_link_of_the_app_s_leads_root_out_of_the_shared_folder(
    layout: Layout,
    systemd: FakeSystemd,
    owners: dict[str, tuple[int, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "etc").mkdir()
    (layout.shared / "uploads").symlink_to(tmp_path / "etc")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # so the link is not root's

    with pytest.raises(HostFailure, match="uploads is a link of the app's"):
        stage_r1(layout, systemd)

    assert "etc" not in owners
    nothing_stays(layout)


def test_a_file_where_a_writable_folder_belongs_is_named(
    layout: Layout, systemd: FakeSystemd
) -> None:
    (layout.shared / "uploads").write_text("")

    with pytest.raises(HostFailure, match="uploads is no folder"):
        stage_r1(layout, systemd)


def test_a_link_of_root_s_gives_the_app_a_folder_on_another_disk(
    layout: Layout, systemd: FakeSystemd, owners: dict[str, tuple[int, int]], tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (layout.shared / "uploads").symlink_to(tmp_path / "disk")

    stage_r1(layout, systemd)

    assert owners["disk"] == (NOBODY.pw_uid, NOBODY.pw_gid)


def test_the_same_release_twice_is_unchanged(layout: Layout, systemd: FakeSystemd) -> None:
    request = making.make_request(layout)
    assert stage.stage(layout, request, systemd)
    before = (layout.release("r1") / "release.json").stat()
    systemd.calls.clear()

    assert not stage.stage(layout, request, systemd)

    assert (layout.release("r1") / "release.json").stat() == before
    assert systemd.calls == []


def test_a_second_release_with_the_same_lock_shares_the_virtual_environment(
    layout: Layout, systemd: FakeSystemd
) -> None:
    stage_r1(layout, systemd)
    systemd.calls.clear()

    stage.stage(layout, making.make_request(layout, "r2"), systemd)

    assert systemd.called("-m venv") == systemd.called("-m pip") == []


def test_a_release_keeps_its_artifact_so_that_it_can_be_promoted_from_here(
    layout: Layout, systemd: FakeSystemd
) -> None:
    folder = stage_r1(layout, systemd) / "artifact"

    assert (folder / "code.tar.gz").read_bytes() == making.code_archive()
    assert json.loads((folder / "manifest.json").read_text())["name"] == "r1"


def test_an_app_without_code_has_an_empty_folder_of_it(
    layout: Layout, systemd: FakeSystemd
) -> None:
    settings = making.settings(writable_dirs=[])
    folder = stage_r1(layout, systemd, code=making.archive(), settings=settings)

    assert list((folder / "code").iterdir()) == []


def test_a_release_that_was_removed_since_preflight_is_asked_for_again(
    layout: Layout, systemd: FakeSystemd
) -> None:
    with pytest.raises(HostFailure, match="not on this host any more"):
        stage_r1(layout, systemd, bundle=None)

    nothing_stays(layout)


def test_pip_gets_hashes_and_no_network(layout: Layout, systemd: FakeSystemd) -> None:
    stage_r1(layout, systemd)

    (pip,) = systemd.called("-m pip")
    here = f"--find-links={making.kept_wheel(layout).parent}"
    for flag in ("--no-index", "--require-hashes", "--no-deps", here):
        assert flag in pip


@pytest.fixture
def uv(layout: Layout) -> str:
    """The program that provision installs."""
    layout.uv.parent.mkdir(parents=True)
    layout.uv.touch()
    return str(layout.uv)


def test_uv_makes_the_virtual_environment_where_it_is_installed(
    layout: Layout, systemd: FakeSystemd, uv: str
) -> None:
    stage_r1(layout, systemd)

    *_, install = systemd.called(f"{uv} pip install")
    for flag in ("--offline", "--no-index", "--require-hashes", "--no-build", "--no-config"):
        assert flag in install
    assert systemd.called("-m venv") == systemd.called("-m pip") == []


@pytest.mark.parametrize(("version", "added"), [((3, 11), 1), ((3, 12), 0), ((3, 13), 0)])
def test_packages_find_setuptools_where_pythons_own_tool_would_have_put_it(
    layout: Layout,
    systemd: FakeSystemd,
    uv: str,
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int],
    added: int,
) -> None:
    monkeypatch.setattr(venvs.sys, "version_info", (*version, 2))

    wheel_set = {"venv_key": "v9", "lock": "one==1.0\n", "wheels": []}
    venvs.ensure(layout, Artifact({}, wheel_set, None), systemd)

    found = [call for call in systemd.called(f"{uv} pip install") if call.endswith(" setuptools")]
    assert len(found) == added
    assert all("--find-links /usr/share/python-wheels" in call for call in found)


def test_pip_makes_it_where_uv_does_not_run(layout: Layout, systemd: FakeSystemd, uv: str) -> None:
    systemd.answers[f"{uv} --version"] = 126, "cannot execute binary file"

    stage_r1(layout, systemd)

    assert len(systemd.called("-m pip install")) == 1
    assert systemd.called("uv pip") == []


def test_what_uv_says_is_the_evidence(layout: Layout, systemd: FakeSystemd, uv: str) -> None:
    systemd.answers[f"{uv} pip install"] = 1, "error: Hash mismatch"

    with pytest.raises(HostFailure, match="uv could not install") as failed:
        stage_r1(layout, systemd)

    assert failed.value.evidence == "error: Hash mismatch"
    nothing_stays(layout)


APP = making.files_in(making.code_archive())
DAMAGE = {
    "a wheel": ({"wheel": b"bad"}, "one-1.0-py3-none-any.whl arrived damaged: SHA-256"),
    "a wheel nobody named": ({"wheels": []}, "one-1.0-py3-none-any.whl arrived damaged: SHA-256"),
    "the archive": ({"archive": {"sha256": "0" * 64}}, "code.tar.gz arrived damaged: SHA-256"),
    "a file": (
        {"files": {**APP, "app.py": {"sha256": "0" * 64}}},
        "app.py arrived damaged: it is not what the manifest says",
    ),
    "where a link leads": (
        {"files": {**APP, "link.py": {"link": "bin/tool"}}},
        "link.py arrived damaged: it is not what the manifest says",
    ),
    "a file more": (
        {"files": {name: said for name, said in APP.items() if name != "bin/tool"}},
        "bin/tool arrived damaged: the manifest does not name it",
    ),
    "a file less": (
        {"files": {**APP, "gone.py": {"sha256": "0" * 64}}},
        "gone.py arrived damaged: the archive does not hold it",
    ),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGE.values(), ids=DAMAGE.keys())
def test_what_is_not_what_was_built_is_refused_and_nothing_stays(
    layout: Layout, systemd: FakeSystemd, damage: dict[str, Any], why: str
) -> None:
    with pytest.raises(HostFailure, match=why):
        stage_r1(layout, systemd, **damage)

    nothing_stays(layout)
    assert systemd.calls == []


@pytest.mark.parametrize("kept", [0, 700, 2000, 3000])
def test_a_bundle_that_was_cut_short_is_refused_and_nothing_stays(
    layout: Layout, systemd: FakeSystemd, kept: int
) -> None:
    cut = io.BytesIO(making.make_bundle(layout, name="r1").read()[:kept])

    with pytest.raises(HostFailure, match=r"arrived damaged|one-1\.0.*is missing"):
        stage_r1(layout, systemd, bundle=cut)

    nothing_stays(layout)


def test_an_artifact_for_other_hosts_is_refused(layout: Layout, systemd: FakeSystemd) -> None:
    with pytest.raises(HostFailure, match="no wheels for this host"):
        stage_r1(layout, systemd, targets=[])

    nothing_stays(layout)


def nothing_stays(layout: Layout) -> None:
    assert list(layout.releases.iterdir()) == []
    assert [path for path in layout.venvs.iterdir() if not (path / ".complete").exists()] == []
    assert making.leftovers(layout) == []


def test_a_wheel_that_rotted_in_the_wheelhouse_is_removed_so_that_it_is_shipped_again(
    layout: Layout, systemd: FakeSystemd
) -> None:
    making.kept_wheel(layout).parent.mkdir()
    making.kept_wheel(layout).write_bytes(b"rotten")

    with pytest.raises(HostFailure, match=f"{making.WHEEL} is damaged"):
        stage_r1(layout, systemd, wheel=None)
    with pytest.raises(HostFailure, match=f"{making.WHEEL} is missing"):
        stage_r1(layout, systemd, wheel=None)

    nothing_stays(layout)


def test_a_wheel_of_the_same_name_that_another_machine_has_built_is_another_wheel(
    layout: Layout, systemd: FakeSystemd
) -> None:
    theirs = layout.wheels / making.sha256(b"built elsewhere") / making.WHEEL
    theirs.parent.mkdir()
    theirs.write_bytes(b"built elsewhere")

    stage_r1(layout, systemd)

    (pip,) = systemd.called("-m pip")
    assert f"--find-links={making.kept_wheel(layout).parent}" in pip
    assert str(theirs.parent) not in pip
    assert theirs.read_bytes() == b"built elsewhere"


def test_wheels_that_do_not_install_leave_no_virtual_environment(
    layout: Layout, systemd: FakeSystemd
) -> None:
    systemd.answers["-m pip"] = 1, "ERROR: hashes do not match"

    with pytest.raises(HostFailure, match="pip could not install") as failed:
        stage_r1(layout, systemd)

    assert failed.value.evidence == "ERROR: hashes do not match"
    assert list(layout.venvs.iterdir()) == []
    nothing_stays(layout)


EVIL = {
    "a name above": (file_member("../x"), "outside"),
    "a name far above": (file_member("a/../../x"), "outside"),
    "an absolute name": (file_member("/etc/x"), "outside"),
    "a link above": (special_member("l", tarfile.SYMTYPE, "../x"), "outside"),
    "an absolute link": (special_member("l", tarfile.SYMTYPE, "/etc"), "outside"),
    "a link above from below": (special_member("a/l", tarfile.SYMTYPE, "../../x"), "outside"),
    "a hard link": (special_member("l", tarfile.LNKTYPE, "app.py"), "no file, folder or link"),
    "a hard link to nowhere": (special_member("l", tarfile.LNKTYPE, "z"), "no file, folder"),
    "a device": (special_member("d", tarfile.CHRTYPE), "no file, folder or link"),
    "a disk": (special_member("d", tarfile.BLKTYPE), "no file, folder or link"),
    "a pipe": (special_member("p", tarfile.FIFOTYPE), "no file, folder or link"),
}


@pytest.mark.parametrize(("member", "why"), EVIL.values(), ids=EVIL.keys())
def test_an_archive_is_refused_that_holds(
    layout: Layout, systemd: FakeSystemd, member: tuple[Any, bytes], why: str
) -> None:
    with pytest.raises(HostFailure, match=why):
        stage_r1(layout, systemd, code=making.archive(*making.CODE, member))

    nothing_stays(layout)


def test_a_link_that_leaves_by_way_of_another_link_is_refused(
    layout: Layout, systemd: FakeSystemd
) -> None:
    shallow = special_member("a/b/c", tarfile.SYMTYPE, "../../x")
    leaving = special_member("out", tarfile.SYMTYPE, "a/b/c/../..")
    written = file_member("out/env")

    for members in ([shallow, leaving], [leaving, shallow], [leaving, shallow, written]):
        with pytest.raises(HostFailure, match="outside"):
            stage_r1(layout, systemd, code=making.archive(*members))

    nothing_stays(layout)


def test_links_that_stay_inside_are_fine(layout: Layout, systemd: FakeSystemd) -> None:
    up = special_member("a/up.py", tarfile.SYMTYPE, "../app.py")
    dangling = special_member("later", tarfile.SYMTYPE, "made/at/runtime")
    code = stage_r1(layout, systemd, code=making.archive(*making.CODE, up, dangling)) / "code"

    assert (code / "a/up.py").read_bytes() == b"app = 1\n"
    assert (code / "later").is_symlink()


@pytest.mark.parametrize("dest", ["../env", "/etc/passwd", "a/../../env"])
def test_a_configuration_file_stays_in_its_folder(
    layout: Layout, systemd: FakeSystemd, dest: str
) -> None:
    with pytest.raises(HostFailure, match="outside"):
        stage_r1(layout, systemd, config_files=[{"dest": dest, "content": "x"}])

    nothing_stays(layout)


def test_a_bad_environment_is_refused_without_showing_it(
    layout: Layout, systemd: FakeSystemd
) -> None:
    with pytest.raises(HostFailure, match="TOKEN") as refused:
        stage_r1(layout, systemd, environment={"TOKEN": "hush\0"})

    assert "hush" not in str(refused.value.as_result())
    nothing_stays(layout)


def test_a_request_shows_no_secret_when_it_is_printed(layout: Layout) -> None:
    assert "hush" not in repr(making.make_request(layout))


def test_what_a_killed_stage_left_is_removed(layout: Layout, systemd: FakeSystemd) -> None:
    for name in (".r0.new/code", ".r1.new/code", ".r9.gone"):
        (layout.releases / name).mkdir(parents=True)
    (layout.venv("v1") / "bin").mkdir(parents=True)

    stage_r1(layout, systemd)

    assert [path.name for path in layout.releases.iterdir()] == ["r1"]
    assert len(systemd.called("-m venv")) == 1


def test_the_drop_in_leads_through_the_slot_and_is_the_same_for_the_next_release(
    layout: Layout, systemd: FakeSystemd
) -> None:
    unit = (stage_r1(layout, systemd) / "unit.conf").read_text()
    stage.stage(layout, making.make_request(layout, "r2"), systemd)

    assert (layout.release("r2") / "unit.conf").read_text() == unit
    lines, slot, python = unit.splitlines(), layout.slot("%i"), layout.venv("v1") / "bin/python"
    assert lines[0] == "[Service]"
    assert f"WorkingDirectory={slot}/code" in lines
    assert f"EnvironmentFile={slot}/env" in lines
    assert f"ReadWritePaths={layout.shared}" in lines
    start = lines.index("ExecStart=")
    assert lines[start + 1] == f"ExecStart={python} -m gunicorn --config {slot}/gunicorn.conf.py"


def test_gunicorn_s_configuration_is_the_hooks_and_fills_itself(
    layout: Layout, systemd: FakeSystemd
) -> None:
    text = (stage_r1(layout, systemd) / "gunicorn.conf.py").read_text()

    assert text.startswith(str(gunicorn_hooks.__doc__ and '"""' + gunicorn_hooks.__doc__))
    assert text.endswith("configure(globals(), Path(__file__).resolve().parent)\n")
    compile(text, "gunicorn.conf.py", "exec")


def test_check_imports_the_app_as_its_service_would(layout: Layout, systemd: FakeSystemd) -> None:
    stage_r1(layout, systemd)
    systemd.calls.clear()

    stage.check(layout, "r1", run=systemd)

    (call,) = systemd.calls
    assert call.startswith("systemd-run --quiet --pipe --wait --collect")
    assert "--property=User=hello" in call
    assert "--property=ProtectSystem=strict" in call
    assert "--property=ProtectHome=no" not in call
    assert "--property=Restart" not in call
    assert f"--property=EnvironmentFile={layout.release('r1')}/env" in call
    assert "--check-config" in call
    assert "hush" not in call


def test_an_app_that_does_not_import_is_marked_with_its_last_line(
    layout: Layout, systemd: FakeSystemd
) -> None:
    stage_r1(layout, systemd)
    systemd.answers["systemd-run"] = 1, "Traceback\nModuleNotFoundError: No module named 'two'\n\n"

    with pytest.raises(HostFailure, match="does not import: ModuleNotFoundError") as failed:
        stage.check(layout, "r1", run=systemd)

    assert "app_entry (app:app)" in failed.value.next_step
    assert failed.value.evidence.startswith("Traceback")
    assert releases.get(layout, "r1").failed


def test_an_app_that_loads_too_slowly_is_not_told_to_be_broken(
    layout: Layout, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_r1(layout, systemd)
    systemd.answers["systemd-run"] = 255, "started\nstopped\n"
    allowed = releases.get(layout, "r1").manifest["health"]["start_timeout_seconds"]
    clock = SimpleNamespace(monotonic=iter([0.0, allowed + 0.1]).__next__)
    monkeypatch.setattr(command, "time", clock)

    with pytest.raises(HostFailure) as failed:
        stage.check(layout, "r1", run=systemd)

    told = f"the import of the app took longer than {allowed:g} s and was ended"
    assert failed.value.cause == told
    assert "app_health.start_timeout_seconds" in failed.value.next_step
    assert releases.get(layout, "r1").failed


def test_the_environment_is_written_by_the_one_writer(layout: Layout, systemd: FakeSystemd) -> None:
    environment = {"ODD": 'a"b$c\n'}
    folder = stage_r1(layout, systemd, environment=environment)

    assert (folder / "env").read_text() == envfile.render(environment)
