"""A whole build, from local wheels: repeatable, whole, and done only once."""

import fcntl
import json
import os
import shutil
import threading

import pytest

from tests.build_samples import (
    BOOKWORM,
    STAMP,
    TRIXIE,
    commit_app,
    local_lock,
    make_wheel,
    served_lock,
    simple_index,
    write_app,
)
from turnout_build import AppSpec, BuildError, build, known_name, load
from turnout_build import tools as build_tools


@pytest.fixture
def lock(tmp_path):
    return served_lock(tmp_path / "index")


@pytest.fixture
def app(tmp_path, lock):
    return commit_app(tmp_path / "app", lock)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / ".turnout"


@pytest.fixture
def no_tools(monkeypatch):
    """Fail when anything but git is started: what is cached needs no tool and no network."""

    def refuse(*_arguments, **_options):
        pytest.fail("a tool was started")

    monkeypatch.setattr(build_tools, "run_long", refuse)
    monkeypatch.setattr(build_tools, "uv", refuse)


def content(artifact):
    return {path.name: path.read_bytes() for path in artifact.path.iterdir()}


def test_two_builds_in_other_folders_at_other_times_under_other_umasks_are_identical(
    tmp_path, lock
):
    first = build(
        AppSpec(commit_app(tmp_path / "one/app", lock)), [BOOKWORM, TRIXIE], tmp_path / "cache1"
    )
    before = os.umask(0o077)
    try:
        app = commit_app(tmp_path / "two/clone", lock)
        os.utime(app / "run", (1, 1))
        second = build(AppSpec(app), [TRIXIE, BOOKWORM, TRIXIE], tmp_path / "cache2")
    finally:
        os.umask(before)

    assert first.name == second.name
    assert content(first) == content(second)


def test_the_name_says_when_which_commit_and_what(app, cache):
    artifact = build(AppSpec(app), [BOOKWORM], cache)

    stamp, commit, digest = artifact.name.split("-")
    assert stamp == STAMP
    assert artifact.commit.startswith(commit)
    assert len(digest) == 8


def test_a_dirty_build_says_so_in_its_name_and_manifest(app, cache):
    (app / "shop/text.txt").write_text("other\n")

    artifact = build(AppSpec(app, allow_dirty=True), [BOOKWORM], cache)

    assert ".dirty-" in artifact.name
    assert artifact.manifest["dirty"] is True


def test_the_manifest_names_every_file_and_what_each_target_installs(app, cache, lock):
    artifact = build(AppSpec(app), [BOOKWORM], cache)
    manifest = json.loads((artifact.path / "manifest.json").read_text())
    (target,) = manifest["targets"]

    assert set(manifest["files"]) == {
        "requirements.txt",
        "run",
        "shop/__init__.py",
        "shop/text.txt",
    }
    assert manifest["files"]["run"]["mode"] == "0755"
    assert [wheel["file"] for wheel in target["wheels"]] == [
        "gunicorn-27.0-py3-none-any.whl",
        "shoplib-1.0-py3-none-any.whl",
    ]
    assert all(f"--hash=sha256:{wheel['sha256']}" in target["lock"] for wheel in target["wheels"])
    assert (cache / "wheels" / target["wheels"][0]["sha256"]).is_dir()


def test_nothing_of_the_machine_is_in_the_artifact(app, cache):
    artifact = build(AppSpec(app), [BOOKWORM], cache)

    assert str(app).encode() not in (artifact.path / "manifest.json").read_bytes()


def test_each_python_has_a_virtual_environment_of_its_own(app, cache):
    artifact = build(AppSpec(app), [BOOKWORM, TRIXIE], cache)
    one, two = artifact.wheel_sets

    assert one.lock == two.lock
    assert one.venv_key != two.venv_key


def test_a_code_change_keeps_the_virtual_environment_and_starts_no_tool(app, cache, request):
    first = build(AppSpec(app), [BOOKWORM], cache)
    (app / "shop/text.txt").write_text("other\n")
    request.getfixturevalue("no_tools")

    second = build(AppSpec(app, allow_dirty=True), [BOOKWORM], cache)

    assert second.name != first.name
    assert second.wheel_sets == first.wheel_sets


def test_the_second_build_finds_the_first(app, cache):
    assert build(AppSpec(app), [BOOKWORM], cache).fresh
    assert not build(AppSpec(app), [BOOKWORM], cache).fresh


def test_a_damaged_archive_is_made_again(app, cache):
    first = build(AppSpec(app), [BOOKWORM], cache)
    good = content(first)
    (first.path / "code.tar.gz").write_bytes(b"half")

    assert build(AppSpec(app), [BOOKWORM], cache).fresh
    assert content(first) == good


@pytest.mark.parametrize(
    "forged",
    [
        {"files": {"evil.py": {"sha256": "0" * 64, "size": 1, "mode": "0644"}}},
        {"targets": []},
        {"commit": "0" * 40},
        {"name": "20260101T000000-0000000-00000000"},
    ],
)
def test_what_was_put_under_the_name_of_an_artifact_is_made_again_and_not_signed(
    app, cache, forged
):
    first = build(AppSpec(app), [BOOKWORM], cache)
    good = content(first)
    manifest = json.loads(good["manifest.json"])
    (first.path / "manifest.json").write_text(json.dumps(manifest | forged))

    assert build(AppSpec(app), [BOOKWORM], cache).fresh
    assert content(first) == good


def test_requirements_that_change_while_they_are_fetched_are_not_kept_as_the_new_ones(
    app, cache, lock
):
    def progress(line):
        if line.startswith("Fetching"):
            (app / "requirements.txt").write_text(f"{lock}\n# the next lock\n")

    spec = AppSpec(app, allow_dirty=True)
    with pytest.raises(BuildError, match="changed while they were resolved"):
        build(spec, [BOOKWORM], cache, progress=progress)

    assert list((cache / "cache").glob("resolved-*")) == []
    assert build(spec, [BOOKWORM], cache).fresh


@pytest.mark.parametrize("name", ["../../outside", "/etc", ""])
def test_no_path_is_taken_for_the_name_of_an_artifact(cache, name):
    with pytest.raises(BuildError, match="is not on this machine"):
        load(name, cache)


def test_a_lost_wheel_is_fetched_again(app, cache):
    first = build(AppSpec(app), [BOOKWORM], cache)
    shutil.rmtree(cache / "wheels")

    assert build(AppSpec(app), [BOOKWORM], cache).name == first.name
    assert len(list((cache / "wheels").glob("*/*.whl"))) == 2


def test_what_a_killed_build_left_is_cleared(app, cache):
    left = cache / "artifacts/.unfinished-x"
    left.mkdir(parents=True)
    (left / "code.tar.gz").write_text("half")

    build(AppSpec(app), [BOOKWORM], cache)

    assert not left.exists()


def test_a_second_build_waits_for_the_first(app, cache):
    (cache / "cache").mkdir(parents=True)
    lines, waiting = [], threading.Event()

    def progress(line):
        lines.append(line)
        waiting.set()

    with (cache / "cache/lock").open("a") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        other = threading.Thread(
            target=build, args=(AppSpec(app), [BOOKWORM], cache), kwargs={"progress": progress}
        )
        other.start()
        assert waiting.wait(10)
        assert not (cache / "artifacts").exists()
    other.join(30)

    assert lines[0] == "Waiting for another build to end"
    assert len(list((cache / "artifacts").iterdir())) == 1


def test_the_best_wheel_for_the_target_is_taken_not_for_the_controller(tmp_path, cache):
    index = tmp_path / "index"
    hashes = [
        make_wheel(index, "fast", tag=tag)
        for tag in (
            "py3-none-any",
            "cp313-cp313-manylinux_2_17_x86_64",
            "cp313-cp313-manylinux_2_99_x86_64",
            "cp311-cp311-musllinux_1_1_x86_64",
        )
    ]
    lock = local_lock(
        index,
        gunicorn=f"27.0 {make_wheel(index, 'gunicorn', '27.0')}",
        fast=f"1.0 {' '.join(hashes)}",
    )
    app = commit_app(tmp_path / "app", lock)

    artifact = build(AppSpec(app), [BOOKWORM, TRIXIE], cache)

    chosen = [one.wheels[0].file for one in artifact.wheel_sets]
    assert chosen == ["fast-1.0-py3-none-any.whl", "fast-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"]


def test_a_file_the_lock_does_not_know_is_never_taken(tmp_path, cache):
    index = tmp_path / "index"
    lock = served_lock(index)
    app = commit_app(tmp_path / "app", lock)
    make_wheel(index, "shoplib", tag="cp311-cp311-manylinux_2_17_x86_64")

    artifact = build(AppSpec(app), [BOOKWORM], cache)

    assert artifact.wheel_sets[0].wheels[1].file == "shoplib-1.0-py3-none-any.whl"


def test_packages_alone_make_an_artifact_dated_by_its_newest_file(tmp_path, cache, monkeypatch):
    index = simple_index(tmp_path / "simple", gunicorn="27.0", httpbox="1.0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index)

    artifact = build(AppSpec(packages=("httpbox==1.0",)), [BOOKWORM], cache)

    assert artifact.name.startswith("20260203T040506-nogit-")
    assert [wheel.name for wheel in artifact.wheel_sets[0].wheels] == ["gunicorn", "httpbox"]
    assert artifact.manifest["files"] == {}


def test_requirements_that_cannot_resolve_name_the_file_and_quote_uv(tmp_path, cache):
    index = tmp_path / "index"
    needy = make_wheel(index, "needy", needs="gunicorn<20")
    lock = local_lock(
        index, gunicorn=f"27.0 {make_wheel(index, 'gunicorn', '27.0')}", needy=f"1.0 {needy}"
    )
    app = commit_app(tmp_path / "app", lock)

    with pytest.raises(BuildError) as caught:
        build(AppSpec(app), [BOOKWORM], cache)

    assert "cannot be resolved" in caught.value.what
    assert str(app / "requirements.txt") in caught.value.why
    assert "needy" in caught.value.why
    assert "gunicorn<20" in caught.value.why
    assert not (cache / "artifacts").exists()


def test_a_lock_that_lacks_what_it_needs_is_named(tmp_path, cache):
    index = tmp_path / "index"
    make_wheel(index, "shoplib")
    needy = make_wheel(index, "gunicorn", "27.0", needs="shoplib")
    app = commit_app(tmp_path / "app", local_lock(index, gunicorn=f"27.0 {needy}"))

    with pytest.raises(BuildError, match=r"needs shoplib 1\.0, but does not name it"):
        build(AppSpec(app), [BOOKWORM], cache)


def test_a_lock_without_gunicorn_is_refused(tmp_path, cache):
    index = tmp_path / "index"
    lock = local_lock(index, shoplib=f"1.0 {make_wheel(index, 'shoplib')}")
    app = commit_app(tmp_path / "app", lock)

    with pytest.raises(BuildError, match="gunicorn is not among the requirements"):
        build(AppSpec(app), [BOOKWORM], cache)


def test_a_gunicorn_that_cannot_end_a_kept_connection_is_refused(tmp_path, cache):
    index = tmp_path / "index"
    lock = local_lock(index, gunicorn=f"21.2.0 {make_wheel(index, 'gunicorn', '21.2.0')}")
    app = commit_app(tmp_path / "app", lock)

    with pytest.raises(BuildError) as caught:
        build(AppSpec(app), [BOOKWORM], cache)

    assert f"{app / 'requirements.txt'} has gunicorn 21.2.0" in caught.value.why
    assert "gunicorn>=22" in caught.value.next_step


def test_a_package_with_no_file_for_the_target_is_named(tmp_path, cache):
    index = tmp_path / "index"
    foreign = make_wheel(index, "winlib", tag="cp311-cp311-win_amd64")
    lock = local_lock(
        index, gunicorn=f"27.0 {make_wheel(index, 'gunicorn', '27.0')}", winlib=f"1.0 {foreign}"
    )
    app = commit_app(tmp_path / "app", lock)

    with pytest.raises(BuildError, match="winlib"):
        build(AppSpec(app), [BOOKWORM], cache)


def test_a_missing_uv_says_how_to_get_it(app, cache, monkeypatch, tmp_path):
    monkeypatch.setattr(build_tools.sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setattr(build_tools.shutil, "which", lambda _name: None)

    with pytest.raises(BuildError, match=r"the program uv is missing.*\./inv"):
        build(AppSpec(app), [BOOKWORM], cache)


def test_a_folder_without_git_is_built_as_it_is(tmp_path, lock, cache):
    artifact = build(AppSpec(write_app(tmp_path / "plain", lock)), [BOOKWORM], cache)

    assert "-nogit-" in artifact.name
    assert artifact.commit is None


def test_the_name_is_known_without_a_build_once_the_wheels_are(app, cache, no_tools):
    """So that `nothing has changed` can be said before Ansible starts."""
    assert known_name(AppSpec(app), [BOOKWORM], cache) is None


def test_the_name_that_is_known_is_the_one_that_a_build_gives(app, cache):
    spec = AppSpec(app, static=("shop",))
    built = build(spec, [BOOKWORM, TRIXIE], cache)
    (app / "shop/text.txt").write_text("other\n")
    dirty = AppSpec(app, static=("shop",), allow_dirty=True)

    assert known_name(dirty, [TRIXIE, BOOKWORM], cache) == (
        build(dirty, [BOOKWORM, TRIXIE], cache).name
    )
    assert known_name(dirty, [BOOKWORM, TRIXIE], cache) != built.name
    assert known_name(dirty, [BOOKWORM], cache) != known_name(dirty, [BOOKWORM, TRIXIE], cache)


def test_the_name_is_known_only_when_the_build_command_has_run(app, cache):
    spec = AppSpec(app, build_command="echo made > shop/made.txt")

    assert known_name(spec, [BOOKWORM], cache) is None
    assert known_name(spec, [BOOKWORM], cache) is None
    assert build(spec, [BOOKWORM], cache).name == known_name(spec, [BOOKWORM], cache)


def test_a_built_artifact_is_found_again_by_its_name(app, cache):
    built = build(AppSpec(app), [BOOKWORM], cache)

    found = load(built.name, cache)

    assert (found.path, found.manifest, found.fresh) == (built.path, built.manifest, False)


def test_an_artifact_is_not_whole_without_its_archive_or_a_wheel(app, cache):
    built = build(AppSpec(app), [BOOKWORM], cache)
    wheel = next(cache.glob("wheels/*/shoplib*"))
    wheel.unlink()

    with pytest.raises(BuildError, match="is not on this machine") as missing:
        load(built.name, cache)
    assert "shoplib" in missing.value.why

    (built.path / "code.tar.gz").write_bytes(b"damaged")
    with pytest.raises(BuildError, match="is not on this machine"):
        load(built.name, cache)
