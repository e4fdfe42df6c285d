"""The team's own commands run in a copy of what is shipped, and once for each content."""

import tarfile

import pytest

from tests.build_samples import BOOKWORM, commit_app, git, served_lock
from turnout_build import AppSpec, BuildError, build
from turnout_build import commands as build_commands


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One cache and one lock for all tests here: a virtual environment is made only once."""
    folder = tmp_path_factory.mktemp("shared")
    return folder / ".turnout", served_lock(folder / "index")


@pytest.fixture
def cache(shared):
    return shared[0]


@pytest.fixture
def app(tmp_path, shared):
    return commit_app(tmp_path / "app", shared[1])


def test_tests_run_with_the_apps_packages_away_from_its_folder(app, cache):
    command = 'python -c "import shoplib, gunicorn" && touch made-by-tests'

    build(AppSpec(app, test_command=command), [BOOKWORM], cache, test=True)

    assert not (app / "made-by-tests").exists()


def test_code_that_changes_while_its_environment_is_made_is_neither_tested_nor_kept(
    app, cache, tmp_path
):
    def progress(line):
        if line.startswith("Running"):
            (app / "shop/text.txt").write_text("saved meanwhile\n")

    command = f"touch {tmp_path}/ran"
    for spec in (AppSpec(app, test_command=command), AppSpec(app, build_command=command)):
        with pytest.raises(BuildError, match=r"shop/text\.txt is not what it was"):
            build(spec, [BOOKWORM], cache, progress=progress, test=True)
        git(app, "checkout", "--quiet", ".")

    assert not (tmp_path / "ran").exists()


def test_failing_tests_stop_the_build_and_show_what_they_said(app, cache):
    command = "echo first; echo 'AssertionError: 1 == 2'; exit 3"

    with pytest.raises(BuildError) as caught:
        build(AppSpec(app, test_command=command), [BOOKWORM], cache, test=True)

    assert "test command failed with exit code 3" in caught.value.what
    assert "AssertionError: 1 == 2" in caught.value.why
    assert caught.value.evidence == "first\nAssertionError: 1 == 2"


def test_code_that_has_passed_is_not_tested_again(app, cache, tmp_path):
    command = f"echo ran >> {tmp_path}/runs"
    spec = AppSpec(app, test_command=command, allow_dirty=True)

    build(spec, [BOOKWORM], cache, test=True)
    build(spec, [BOOKWORM], cache, test=True)
    assert (tmp_path / "runs").read_text().split() == ["ran"]

    (app / "shop/text.txt").write_text("other\n")
    build(spec, [BOOKWORM], cache, test=True)
    assert (tmp_path / "runs").read_text().split() == ["ran", "ran"]


def test_failed_tests_run_again(app, cache, tmp_path):
    spec = AppSpec(app, test_command=f"echo ran >> {tmp_path}/runs; false")

    for _ in range(2):
        with pytest.raises(BuildError):
            build(spec, [BOOKWORM], cache, test=True)

    assert (tmp_path / "runs").read_text().split() == ["ran", "ran"]


def test_without_being_asked_no_test_runs(app, cache):
    build(AppSpec(app, test_command="false"), [BOOKWORM], cache)


def test_tests_that_hang_are_ended_with_everything_they_started(app, cache, monkeypatch):
    monkeypatch.setattr(build_commands, "_TIMEOUT_SECONDS", 0.3)

    with pytest.raises(BuildError, match=r"did not end within 0\.3 s"):
        build(AppSpec(app, test_command="sleep 60 & wait"), [BOOKWORM], cache, test=True)


def test_a_missing_requirements_file_of_the_tests_is_named(app, cache):
    spec = AppSpec(app, test_command="true", test_requirements="nowhere.txt")

    with pytest.raises(BuildError, match=r"there is no .*nowhere\.txt.*app_test_requirements"):
        build(spec, [BOOKWORM], cache, test=True)


def test_what_the_build_command_makes_is_shipped_and_the_source_untouched(app, cache):
    (app / ".gitignore").write_text("made.css\n")
    git(app, "add", ".gitignore")
    git(app, "commit", "--quiet", "--no-gpg-sign", "--message", "Ignore what is made")

    artifact = build(
        AppSpec(app, build_command="cat shop/text.txt > made.css; rm run"), [BOOKWORM], cache
    )

    with tarfile.open(artifact.path / "code.tar.gz") as archive:
        names = archive.getnames()
    assert "made.css" in names
    assert "run" not in names
    assert not (app / "made.css").exists()
    assert ".dirty" not in artifact.name


def test_the_build_command_runs_once_for_each_content(app, cache, tmp_path):
    spec = AppSpec(app, build_command=f"echo ran >> {tmp_path}/runs; date +%N > made")

    first, second = (build(spec, [BOOKWORM], cache) for _ in range(2))

    assert (tmp_path / "runs").read_text().split() == ["ran"]
    assert first.name == second.name


def test_a_failing_build_command_says_what_it_said(app, cache):
    with pytest.raises(BuildError, match=r"build command failed.*no such asset"):
        build(AppSpec(app, build_command="echo no such asset; exit 1"), [BOOKWORM], cache)
