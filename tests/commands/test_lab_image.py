"""The lab image, and the long and bounded commands it is made with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from turnout import image, image_base, long_step
from turnout.docker import DockerError, docker
from turnout.lab_errors import LabError
from turnout.lab_state import locked


def test_the_image_is_named_after_everything_it_is_made_from(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    mirrors = ("http://a", "http://b")
    name = image.image_tag("bookworm", mirrors, tmp_path)

    assert name == image.image_tag("bookworm", mirrors, tmp_path)
    assert name.startswith("turnout-lab:bookworm-")
    assert name != image.image_tag("trixie", mirrors, tmp_path)
    assert name != image.image_tag("bookworm", ("http://a", "http://c"), tmp_path)
    assert name != image.image_tag("bookworm", mirrors, tmp_path, ["nginx"])
    (tmp_path / "Dockerfile").write_text("FROM y\n")
    assert name != image.image_tag("bookworm", mirrors, tmp_path)


def test_mirrors_are_those_of_the_machine_and_else_those_of_debian():
    targets = """http://mirror.example/debian/ bookworm
http://mirror.example/security/ bookworm-security
https://deb.nodesource.com/node_20.x nodistro
"""

    assert image_base.pick_mirrors(targets, "bookworm") == (
        "http://mirror.example/debian",
        "http://mirror.example/security",
    )
    assert image_base.pick_mirrors("file:/media/cdrom bookworm", "bookworm") == image_base.MIRRORS


def test_making_a_base_without_root_and_registry_names_both_ways_out(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(image_base, "exists", lambda tag: False)
    monkeypatch.setattr(image_base, "_pulled", lambda *arguments: False)

    with pytest.raises(LabError) as caught:
        image_base.ensure_base("trixie", "http://mirror", lambda line: None)

    assert "sudo ./inv lab.up" in caught.value.next_step
    assert "docker pull debian:trixie-slim" in caught.value.next_step


def test_a_command_that_fails_shows_the_end_of_its_log(tmp_path):
    with pytest.raises(LabError) as caught:
        run_long(tmp_path, "echo first; echo the reason >&2; exit 3")

    assert "exit code 3" in caught.value.why
    assert "the reason" in caught.value.why
    assert str(tmp_path / "log") in str(caught.value)


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(LabError, match="not done after 0 s"):
        run_long(tmp_path, "sleep 60", seconds=0.2)


def test_a_command_that_stays_silent_is_given_up(tmp_path):
    with pytest.raises(LabError, match="no answer within"):
        run_long(tmp_path, "sleep 60", quiet_seconds=0.2)


def test_a_long_command_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(long_step, "REPORT_SECONDS", 0.1)
    lines: list[str] = []

    run_long(tmp_path, "echo unpacking; sleep 0.3", progress=lines.append)

    assert any("unpacking" in line for line in lines)


def run_long(folder: Path, script: str, **options: object) -> None:
    settings = {"progress": lambda line: None, "seconds": 10.0, "next_step": "try again"} | options
    long_step.run_long(["sh", "-c", script], what="the step", log=folder / "log", **settings)


def test_waiting_for_another_command_is_said(tmp_path):
    lines: list[str] = []
    lock = tmp_path / "lock"
    holder = ["flock", str(lock), "sh", "-c", "echo held; sleep 0.2"]
    with subprocess.Popen(holder, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with locked(lock, lines.append):
            assert other.wait(timeout=5) == 0

    assert len(lines) == 1
    assert "Waiting for another command" in lines[0]


def test_a_failing_docker_command_says_which_and_why(tmp_path, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(DockerError, match="docker network failed") as caught:
        docker("network", "ls")

    assert caught.value.why == "no such thing\n"


def test_a_docker_command_that_hangs_is_bounded(tmp_path, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(DockerError, match="no answer within"):
        docker("ps", seconds=0.2)


@pytest.mark.parametrize(("answers", "calls"), [(True, ["pull", "tag"]), (False, ["pull"])])
def test_a_base_is_pulled_where_a_registry_answers(tmp_path, monkeypatch, answers, calls):
    log = tmp_path / "calls"
    script = f'#!/bin/sh\necho "$1" >> {log}\necho pulling\nexit {int(not answers)}\n'
    (tmp_path / "docker").write_text(script)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(image_base, "WORK", tmp_path)
    monkeypatch.setattr(image_base, "exists", lambda tag: False)
    made: list[str] = []
    monkeypatch.setattr(image_base, "_bootstrap", lambda *arguments: made.append("debootstrap"))

    image_base.ensure_base("trixie", "http://mirror", lambda line: None)

    assert log.read_text().split() == calls
    assert made == ([] if answers else ["debootstrap"])


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A root whose long commands all work at once; returns the programs that were run."""
    done: list[str] = []

    def run_long(command: list[str], **more: object) -> None:
        done.append(" ".join(command[: 3 if command[0] == "unshare" else 2]))
        if command[0] == "unshare":
            (tmp_path / "trixie/var/cache/apt/archives").mkdir(parents=True)
            (tmp_path / "trixie/var/cache/apt/archives/a.deb").touch()
        if command[0] == "tar":
            assert not (tmp_path / "trixie/var/cache/apt/archives").exists()
            (tmp_path / "trixie.tar").touch()

    for module in (image, image_base):
        monkeypatch.setattr(module, "run_long", run_long)
        monkeypatch.setattr(module, "WORK", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(image_base, "install", lambda programs, progress: None)
    return done


def test_a_base_without_a_registry_is_made_from_the_mirror_and_leaves_no_tree(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_base, "exists", lambda tag: False)
    monkeypatch.setattr(image_base, "_pulled", lambda *arguments: False)

    assert image_base.ensure_base("trixie", "http://mirror", print) == "turnout-base:trixie"

    assert calls == ["unshare --mount debootstrap", "tar -C", "docker import"]
    assert list(tmp_path.iterdir()) == []


def test_the_lab_image_is_built_once_also_by_two_commands_at_a_time(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bool] = [False, False, True, False, True]
    monkeypatch.setattr(image, "machine_mirrors", lambda: ("http://a", "http://b"))
    monkeypatch.setattr(image, "ensure_base", lambda release, mirror, progress: "base")
    monkeypatch.setattr(image, "exists", lambda tag: there.pop(0))

    tags = {image.ensure_image("trixie", lambda line: None) for _ in range(3)}

    assert len(tags) == 1
    assert calls == ["docker build"], "the second found it made, the third while it waited"


def test_a_machine_that_is_no_debian_uses_debians_own_mirrors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_base.platform, "freedesktop_os_release", lambda: {"ID": "fedora"})

    assert image_base.machine_mirrors() == image_base.MIRRORS


def test_a_debian_machine_uses_the_mirrors_that_apt_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(image_base.platform, "freedesktop_os_release", lambda: debian)
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho http://mirror.example/debian/ bookworm\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert image_base.machine_mirrors()[0] == "http://mirror.example/debian"


@pytest.mark.parametrize(("listed", "there"), [("0a1b2c", True), ("", False)])
def test_the_engine_is_asked_which_images_it_has(
    monkeypatch: pytest.MonkeyPatch, listed: str, there: bool
) -> None:
    monkeypatch.setattr(image_base, "docker", lambda *arguments: f"{listed}\n")

    assert image_base.exists("turnout-base:trixie") is there
