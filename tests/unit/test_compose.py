"""The app in containers where no registry answers: what is fetched, built and refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.program import Stub, stub
from turnout import containers
from turnout.errors import TurnoutError
from turnout.lab_errors import LabError


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A docker command that does what it is told; nothing is installed or fetched."""
    monkeypatch.setattr(containers, "ensure_engine", lambda progress: None)
    monkeypatch.setattr(containers, "local_base", lambda progress: "turnout-base:bookworm")
    monkeypatch.setattr(containers, "fetch_wheels", lambda app, progress: app)
    return stub(tmp_path / "bin", "docker", monkeypatch)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Stub, Stub]:
    """A uv and a pip that resolve and fetch."""
    python = stub(tmp_path / "bin", "python", monkeypatch)
    uv = stub(tmp_path / "bin", "uv", monkeypatch)
    uv.answers('for last; do echo "flask==3" > "$last"; done')
    monkeypatch.setattr(containers.sys, "executable", str(python.file))
    return uv, python


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "requirements.in").write_text("flask\n")
    (folder / "requirements.txt").write_text("flask==3\n")
    return folder


def test_the_image_is_built_on_the_base_that_this_machine_can_have(engine: Stub, app: Path) -> None:
    containers.build_image(app, "hello-app", lambda line: None)

    (call,) = engine.calls()
    assert call == f"build --quiet --tag=hello-app --build-arg=BASE=turnout-base:bookworm {app}"


def test_up_and_down_are_the_same_project_with_both_files(engine: Stub, app: Path) -> None:
    containers.up(app, "shop", lambda line: None, SECRET_KEY="a key")
    containers.down("--volumes", app=app, project="shop", progress=lambda line: None)

    files = f"-p shop -f {app}/compose.yaml -f {app}/compose.debian.yaml"
    made, told, removed = (call for call in engine.calls() if "version" not in call)
    assert made == f"compose {files} up -d --build"
    assert told == f"compose {files} port app 8000"
    assert removed == f"compose {files} down --volumes"


def test_the_address_of_the_app_is_told_last(engine: Stub, app: Path) -> None:
    engine.answers("case $* in *port*) echo 127.0.0.1:8001;; esac")
    lines: list[str] = []

    containers.up(app, "shop", lines.append)

    assert lines[-1] == "The app answers at http://127.0.0.1:8001"


def test_secrets_go_to_compose_in_its_environment(engine: Stub, app: Path, tmp_path: Path) -> None:
    engine.answers(f"echo $SECRET_KEY $BASE > {tmp_path}/told")

    containers.up(app, "shop", lambda line: None, SECRET_KEY="hush")

    assert (tmp_path / "told").read_text() == "hush turnout-base:bookworm\n"
    assert not any("hush" in call for call in engine.calls())


def test_a_secret_that_is_missing_is_told_in_composes_own_words(engine: Stub, app: Path) -> None:
    engine.answers("case $* in *up*) echo 'set SECRET_KEY' >&2; exit 1;; esac")

    with pytest.raises(TurnoutError, match="not started") as caught:
        containers.up(app, "shop", lambda line: None)

    assert "set SECRET_KEY" in caught.value.why


def test_compose_that_never_ends_is_told_with_how_to_look(
    engine: Stub, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers("exec sleep 60")
    monkeypatch.setattr(containers, "SECONDS", 0.1)

    with pytest.raises(TurnoutError, match="was not done with `up` of project shop") as caught:
        containers.compose(["docker", "compose"], app, "shop", "up")

    assert "docker ps" in caught.value.next_step


def test_debians_compose_is_taken_where_docker_has_none(
    engine: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers("exit 1")
    monkeypatch.setattr(containers, "missing_programs", lambda names: [])

    assert containers.compose_command(print) == ["docker-compose"]


@pytest.mark.parametrize(
    ("debian", "step"), [(True, "sudo apt-get install"), (False, "docs.docker.com/compose/install")]
)
def test_without_root_the_way_to_compose_is_named(
    engine: Stub, monkeypatch: pytest.MonkeyPatch, debian: bool, step: str
) -> None:
    engine.answers("exit 1")
    monkeypatch.setattr(containers, "missing_programs", lambda names: names)
    monkeypatch.setattr(containers, "is_debian_family", lambda: debian)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="Compose is not installed") as caught:
        containers.compose_command(print)

    assert step in caught.value.next_step


def test_wheels_are_those_of_the_images_python_and_fetched_once(
    tools: tuple[Stub, Stub], app: Path
) -> None:
    uv, python = tools

    containers.fetch_wheels(app, lambda line: None)
    containers.fetch_wheels(app, lambda line: None)

    (resolved,), (fetched,) = uv.calls(), python.calls()
    for call in (resolved, fetched):
        assert f"--python-version={containers.BASE_PYTHON}" in call
    assert "--require-hashes" in fetched
    assert (app / ".wheels/.gitignore").read_text() == "*\n"


def test_another_lock_fetches_its_own_wheels(tools: tuple[Stub, Stub], app: Path) -> None:
    containers.fetch_wheels(app, lambda line: None)
    (app / ".wheels/flask-3.whl").touch()
    (app / "requirements.txt").write_text("flask==4\n")

    containers.fetch_wheels(app, lambda line: None)

    assert not (app / ".wheels/flask-3.whl").exists()
    assert len(tools[1].calls()) == 2


def test_wheels_that_cannot_be_fetched_are_told_and_asked_for_again(
    tools: tuple[Stub, Stub], app: Path
) -> None:
    tools[1].answers("echo 'No matching distribution' >&2; exit 1")

    for tries in (1, 2):
        with pytest.raises(TurnoutError, match="cannot be fetched") as caught:
            containers.fetch_wheels(app, lambda line: None)
        assert caught.value.why == "No matching distribution\n"
        assert len(tools[1].calls()) == tries
