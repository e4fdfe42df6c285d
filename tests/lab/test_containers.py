"""The app in containers: built here, run with PostgreSQL and Redis, restarted without a loss."""

from __future__ import annotations

import http.client
import http.cookies
import json
import re
import secrets
import shutil
import socket
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.site import LEFT_OUT
from turnout import containers
from turnout.docker import docker
from turnout.lab_network import free_subnets, subnets_in_use
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

PROJECT = "turnout-test-compose"
IMAGE = "turnout-test-app"
# What it was made from stays, for the next build.
REMOVE = ("rmi", "--force", "--no-prune")
STARTS_WITHIN_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    """The composed app, as its developer has it."""

    app: Path
    command: list[str]
    port: int
    variables: dict[str, str]

    def compose(self, *arguments: str) -> str:
        done = containers.compose(self.command, self.app, PROJECT, *arguments, **self.variables)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def ask(self, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, str, str]:
        """Return status, body and the cookie that was set; 0 while nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        with closing(connection):
            try:
                connection.request(method, path, body or None, headers)
                answer = connection.getresponse()
            except OSError:
                return 0, "", ""
            except http.client.HTTPException:
                return 0, "", ""
            jar = http.cookies.SimpleCookie(answer.headers.get("Set-Cookie", ""))
            pairs = "; ".join(f"{key}={value.value}" for key, value in jar.items())
            return answer.status, answer.read().decode(), pairs

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while self.ask("GET", "/ready")[0] != 200:
            assert time.monotonic() < deadline, self.compose("logs")
            time.sleep(0.5)

    def container(self, service: str) -> dict[str, Any]:
        name = self.compose("ps", "-q", service).strip()
        return dict(json.loads(docker("inspect", name))[0])


@pytest.fixture(scope="module")
def base() -> str:
    return containers.local_base(print)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app, with settings that must stay out of its image."""
    folder = tmp_path_factory.mktemp("containers") / "app"
    shutil.copytree(REPOSITORY / "app", folder, ignore=LEFT_OUT)
    (folder / ".env").write_text("SECRET_KEY=must not get into the image\n")
    return folder


@pytest.fixture(scope="module")
def image(app: Path) -> Iterator[str]:
    containers.build_image(app, IMAGE)
    yield IMAGE
    docker(*REMOVE, IMAGE)


@pytest.fixture(scope="module")
def stack(app: Path, base: str, image: str) -> Iterator[Stack]:
    """The app, PostgreSQL and Redis, up; all but the servers' images gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {
        "BASE": base,
        "IMAGE": image,  # a developer's own is left alone
        "PORT": str(port),
        "SUBNET": next(free_subnets(subnets_in_use())),
        "SECRET_KEY": secrets.token_urlsafe(32),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(16),
    }
    made = Stack(app, containers.compose_command(print), port, variables)
    try:
        containers.up(app, PROJECT, print, **variables)
        made.wait_until_ready()
        yield made
    finally:
        containers.down("--volumes", "--timeout", "20", app=app, project=PROJECT)


def test_a_missing_secret_is_named_before_anything_starts(app: Path, base: str) -> None:
    command = containers.compose_command(print)
    given = {"BASE": base, "SECRET_KEY": "x" * 16, "POSTGRES_PASSWORD": "x"}
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        # The empty value goes before the one in .env.
        done = containers.compose(command, app, PROJECT, "config", **given | {name: ""})

        assert done.returncode != 0
        assert f"set {name}" in done.stderr


def test_what_is_written_survives_a_restart(stack: Stack) -> None:
    status, page, cookie = stack.ask("GET", "/")
    assert status == 200
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    entry = {"name": "A developer", "message": "from a container", "csrf_token": token[1]}
    assert stack.ask("POST", "/guestbook", urllib.parse.urlencode(entry), cookie)[0] == 303

    stack.compose("restart", "--timeout", "30")
    stack.wait_until_ready()

    assert "from a container" in stack.ask("GET", "/")[1]


def test_the_rate_limit_is_counted_in_redis(stack: Stack) -> None:
    stack.ask("POST", "/guestbook", "name=a")

    keys = stack.compose("exec", "-T", "cache", "redis-cli", "--scan")
    assert "LIMITS" in keys.upper()


def test_the_engine_finds_the_app_healthy(stack: Stack) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while stack.container("app")["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, stack.container("app")["State"]["Health"]
        time.sleep(1)


def test_the_app_runs_as_nobody_special_and_cannot_change_itself(stack: Stack) -> None:
    assert stack.compose("exec", "-T", "app", "id", "-u").strip() == "10001"
    found = stack.container("app")
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert found["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostIp"] == "127.0.0.1"
    assert found["HostConfig"]["LogConfig"]["Config"]["max-size"] == "10m"


def test_no_secret_and_no_test_is_in_the_image(image: str, stack: Stack) -> None:
    told = docker("history", "--no-trunc", image) + docker("inspect", image)
    files = docker("run", "--rm", image, "find", "/app", "/opt/venv", "-name", "*.py")
    hidden = docker("run", "--rm", image, "find", "/app", "-name", ".*")

    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        assert stack.variables[name] not in told
    assert "/app/hello/config.py" in files
    assert "/app/tests" not in files
    assert ".env" not in hidden


def test_two_stages_leave_behind_what_only_the_build_needs(
    app: Path, base: str, image: str
) -> None:
    single = "turnout-test-app-build"
    containers.build(app, single, base, target="build")
    try:
        sizes = {tag: int(json.loads(docker("inspect", tag))[0]["Size"]) for tag in (image, single)}
    finally:
        docker(*REMOVE, single)
    print(f"one stage {sizes[single] // 10**6} MB, two stages {sizes[image] // 10**6} MB")
    assert sizes[image] < sizes[single]
