"""Getting an engine going: what is installed, what is started, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.program import Stub, stub
from turnout import docker as docker_module
from turnout import engine, lab_packages
from turnout.docker import DockerError
from turnout.lab_errors import LabError


@pytest.fixture
def machine(monkeypatch):
    """A Debian machine on which the test is root and nothing runs; returns what was done."""
    done: list[str] = []
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "is_debian_family", lambda: True)
    monkeypatch.setattr(lab_packages, "is_debian_family", lambda: True)
    monkeypatch.setattr(engine, "engine_complaint", lambda: "Cannot connect to the Docker daemon")
    monkeypatch.setattr(engine, "missing_programs", lambda *names: [])
    monkeypatch.setattr(engine, "install", lambda programs, progress: done.extend(programs))
    monkeypatch.setattr(engine, "_start", lambda progress: done.append("start"))
    return done


def ensure() -> None:
    engine.ensure_engine(lambda line: None)


def test_an_engine_that_answers_is_left_alone(machine, monkeypatch):
    monkeypatch.setattr(engine, "engine_complaint", lambda: None)

    ensure()

    assert machine == []


def test_a_stopped_engine_is_started(machine):
    ensure()

    assert machine == ["start"]


def test_a_machine_without_docker_gets_it_and_then_an_engine(machine, monkeypatch):
    monkeypatch.setattr(engine, "missing_programs", lambda *names: ["docker", "dockerd"])

    ensure()

    assert machine == ["docker", "dockerd", "start"]


def test_without_root_the_command_to_run_is_named(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(lab_packages, "missing_programs", lambda names: names)

    with pytest.raises(LabError) as caught:
        ensure()

    assert caught.value.next_step.startswith("sudo apt-get install docker.io")
    assert machine == []


def test_without_root_but_with_docker_installed_it_is_to_be_started(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(lab_packages, "missing_programs", lambda names: [])

    with pytest.raises(LabError, match="sudo systemctl start docker"):
        ensure()


def test_on_another_system_nothing_is_installed(machine, monkeypatch):
    monkeypatch.setattr(engine, "is_debian_family", lambda: False)
    monkeypatch.setattr(lab_packages, "missing_programs", lambda names: names)

    with pytest.raises(LabError, match="install Docker Engine"):
        ensure()


def test_an_account_that_may_not_use_docker_is_told_about_the_group(machine, monkeypatch):
    monkeypatch.setattr(engine, "engine_complaint", lambda: "permission denied while connecting")

    with pytest.raises(LabError, match="usermod -aG docker"):
        ensure()


def test_an_engine_named_by_docker_host_is_not_replaced_by_one_of_ours(machine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://build.example:2376")

    with pytest.raises(LabError, match=r"build\.example"):
        ensure()

    assert machine == []


def test_a_docker_command_alone_is_no_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_packages.shutil, "which", lambda name, path: name == "docker" or None)

    assert "dockerd" in lab_packages.missing_programs(["docker", "dockerd"])


def test_packages_come_once_each_and_with_what_docker_only_recommends():
    packages = lab_packages.packages_for(["docker", "dockerd"], has_docker_cli=False)

    assert packages == ["docker.io", "ca-certificates", "apparmor"]


def test_debian_13_has_the_docker_command_in_a_package_of_its_own():
    assert "docker-cli" in lab_packages.packages_for(["dockerd"], has_docker_cli=True)
    assert "docker-cli" not in lab_packages.packages_for(["ssh"], has_docker_cli=True)


def test_installing_without_root_names_what_is_missing(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="debootstrap"):
        lab_packages.install(["debootstrap"], lambda line: None)


@pytest.mark.parametrize(
    ("name", "stays"), [("dockerd", True), ("containerd", True), ("sshd", False), (None, False)]
)
def test_a_pid_file_of_a_process_that_is_no_engine_is_removed(tmp_path, name, stays):
    file = tmp_path / "docker.pid"
    file.write_text("4711\n")
    if name:
        (tmp_path / "4711").mkdir()
        (tmp_path / "4711/comm").write_text(f"{name}\n")

    engine.remove_stale(file, proc=tmp_path)

    assert file.exists() == stays


def test_an_empty_pid_file_is_removed(tmp_path):
    file = tmp_path / "docker.pid"
    file.touch()

    engine.remove_stale(file, proc=tmp_path)

    assert not file.exists()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A docker command that answers as it is told to."""
    return stub(tmp_path / "bin", "docker", monkeypatch)


def test_a_machine_without_docker_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(DockerError, match="not installed"):
        docker_module.docker("ps")
    assert engine.engine_complaint() == "the docker command is not installed"


def test_an_engine_that_answers_has_no_complaint_and_another_has_its_own_words(
    docker: Stub,
) -> None:
    docker.answers("echo 27.1")
    assert engine.engine_complaint() is None

    docker.answers("echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert engine.engine_complaint() == "Cannot connect to the Docker daemon"


@pytest.fixture
def no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where the engine is a process of our own; the fixture is the engine's log."""
    monkeypatch.setattr(engine, "LOG", tmp_path / "log/dockerd.log")
    monkeypatch.setattr(engine, "PID_FILES", (tmp_path / "docker.pid",))
    monkeypatch.setattr(engine, "is_systemd", lambda: False)
    monkeypatch.setattr(engine, "missing_programs", lambda *names: [])
    monkeypatch.setattr(engine, "is_debian_family", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path / "log/dockerd.log"


# The engine outlives the command that starts it.
@pytest.mark.filterwarnings(r"ignore:subprocess \d+ is still running:ResourceWarning")
def test_an_engine_is_started_and_waited_for(
    docker: Stub, no_systemd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = tmp_path / "up"
    docker.answers(f"test -e {up} || {{ echo 'Cannot connect' >&2; exit 1; }}")
    dockerd = stub(tmp_path / "bin", "dockerd", monkeypatch)
    dockerd.answers(f"echo started; touch {up}; while test -e {up}; do sleep 0.1; done")
    monkeypatch.setattr(engine, "PAUSE_SECONDS", 0.01)
    lines: list[str] = []

    engine.ensure_engine(lines.append)

    assert len(lines) == 1
    assert "Starting the Docker engine (dockerd" in lines[0]
    assert "started" in no_systemd.read_text()
    up.unlink()


def test_an_engine_that_ends_at_once_is_told_with_the_end_of_its_log(
    docker: Stub, no_systemd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.answers("echo 'Cannot connect' >&2; exit 1")
    dockerd = stub(tmp_path / "bin", "dockerd", monkeypatch)
    dockerd.answers("echo 'failed to mount overlay: no such device' >&2; exit 1")
    monkeypatch.setattr(engine, "PAUSE_SECONDS", 0.01)

    with pytest.raises(LabError, match="did not start") as caught:
        engine.ensure_engine(lambda line: None)

    assert "no such device" in caught.value.why


def test_where_systemd_runs_the_machine_it_starts_the_engine(
    docker: Stub, no_systemd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "is_systemd", lambda: True)
    up = tmp_path / "up"
    docker.answers(f"test -e {up} || {{ echo 'Cannot connect' >&2; exit 1; }}")
    systemctl = stub(tmp_path / "bin", "systemctl", monkeypatch)
    systemctl.answers(f"touch {up}")

    engine.ensure_engine(lambda line: None)

    assert systemctl.calls() == ["start --no-block docker"]


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A root on a Debian, whose apt-get does what it is told."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(lab_packages, "LABS", tmp_path / "labs")
    monkeypatch.setattr(lab_packages, "is_debian_family", lambda: True)
    stub(tmp_path / "bin", "apt-cache", monkeypatch).answers("exit 100")
    return stub(tmp_path / "bin", "apt-get", monkeypatch)


def test_what_is_missing_is_installed_without_a_question(apt: Stub) -> None:
    lines: list[str] = []

    lab_packages.install(["chromium", "ssh"], lines.append)

    assert apt.calls() == [
        "-q update",
        "-q install --yes --no-install-recommends chromium openssh-client",
    ]
    assert "chromium, ssh" in lines[0]


def test_a_machine_that_has_everything_is_not_asked_to_update(apt: Stub) -> None:
    lab_packages.install([], print)

    assert apt.calls() == []


def test_a_package_that_cannot_be_had_is_told_with_apts_own_words(apt: Stub) -> None:
    apt.answers("echo 'E: Unable to locate package' >&2; exit 100")

    with pytest.raises(LabError, match="apt-get update failed") as caught:
        lab_packages.install(["ssh"], lambda line: None)

    assert "Unable to locate package" in caught.value.why
    assert "apt-get update" in caught.value.next_step


@pytest.mark.parametrize(
    ("release", "apt_there", "is_debian"),
    [
        ({"ID": "debian"}, True, True),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, True, True),
        ({"ID": "fedora"}, True, False),
        ({"ID": "debian"}, False, False),
    ],
)
def test_debian_and_what_is_like_it_has_debians_packages(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], apt_there: bool, is_debian: bool
) -> None:
    monkeypatch.setattr(lab_packages.platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(lab_packages.shutil, "which", lambda name: apt_there or None)

    assert lab_packages.is_debian_family() is is_debian
