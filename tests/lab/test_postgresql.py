"""The sample app on a real PostgreSQL server, Debian's own, in the VM."""

from __future__ import annotations

import http.client
import http.cookies
import os
import re
import secrets
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.lab.site import Host, Site
from turnout.lab_ssh import ssh_command
from turnout.paths import REPOSITORY
from turnout.quality import run_quietly
from turnout.stages import app_stages

pytestmark = pytest.mark.lab

NAME = "visitors"
HOSTNAME = f"{NAME}.localhost"
# Stopping postgresql.service returns before the server has stopped.
SERVER = "postgresql@$(ls /etc/postgresql)-main"


@pytest.fixture(scope="module")
def visitors(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The app under another name, on the server of its host, reached as its own account."""
    site = Site(
        host,
        tmp_path_factory.mktemp("postgresql"),
        app_name=NAME,
        app_hostnames=[HOSTNAME],
        app_apt_packages=["postgresql", "tree"],
        app_after_units=["postgresql.service"],
        app_env={
            "COOKIE_SECURE": "0",
            "DATABASE_URL": f"postgresql:///{NAME}?host=/run/postgresql",
        },
        app_migrate_on="once",
    )
    site.provision()
    as_postgres(host, f"createuser {NAME} && createdb --owner {NAME} {NAME}")
    site.deploy("0")
    return site


def as_postgres(host: Host, command: str) -> None:
    done = host.run(f"cd / && runuser -u postgres -- sh -c '{command}'")
    assert done.returncode == 0, done.stderr


def ask(site: Site, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, str]:
    """Return status and body; a cookie that is set comes in a last line."""
    connection = http.client.HTTPConnection("127.0.0.1", site.host.vm.http_port, timeout=30)
    headers = {"Host": HOSTNAME, "Cookie": cookie}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with closing(connection):
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        jar = http.cookies.SimpleCookie(answer.headers.get("Set-Cookie", ""))
        pairs = "; ".join(f"{key}={value.value}" for key, value in jar.items())
        return answer.status, f"{text}\n{pairs}"


def write(site: Site, message: str) -> int:
    """Write into the guest book as the form does; return the status."""
    page = ask(site, "GET", "/")[1]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    entry = {"name": "A visitor", "message": message, "csrf_token": token[1]}
    return ask(site, "POST", "/guestbook", urllib.parse.urlencode(entry), page.splitlines()[-1])[0]


def test_debian_packages_that_the_app_needs_are_installed(visitors: Site) -> None:
    assert "tree" in visitors.host.inside("tree --version")


def test_what_is_written_outlives_a_release(visitors: Site) -> None:
    assert write(visitors, "All aboard") == 303

    visitors.deploy("1")

    assert "All aboard" in ask(visitors, "GET", "/")[1]


def test_a_release_whose_migration_fails_never_gets_traffic(visitors: Site) -> None:
    before = visitors.status()["release"]
    broken = visitors.source / "hello/migrations/versions/0003_broken.py"
    last = broken.with_name("0002_release_of_an_entry.py").read_text()
    next_one = last.replace('"0002"', '"0003"').replace('"0001"', '"0002"')
    broken.write_text(next_one.replace("op.add_column(", "1/0 or op.add_column("))

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        visitors.deploy("2")

    broken.unlink()
    assert visitors.status()["release"] == before
    assert ask(visitors, "GET", "/ready")[0] == 200


def test_a_release_that_does_not_know_the_schema_is_gone_back_to_by_force_alone(
    visitors: Site,
) -> None:
    before = visitors.deploy("before-migration")
    more = visitors.source / "hello/migrations/versions/0003_more.py"
    last = more.with_name("0002_release_of_an_entry.py").read_text()
    last = last.replace('"0002"', '"0003"').replace('"0001"', '"0002"')
    more.write_text(last.replace('"release"', '"more"'))
    after = visitors.deploy("after-migration")

    unknown = f"the database is at schema 0003, which release {before} does not know"
    with pytest.raises(AssertionError, match=unknown):
        visitors.play("rollback")
    assert visitors.status()["release"] == after

    visitors.play("rollback", release_rollback_force=True)
    assert visitors.status()["release"] == before


def test_while_the_server_is_away_the_app_is_alive_not_ready_and_comes_back(visitors: Site) -> None:
    host = visitors.host
    assert host.run(f"systemctl stop {SERVER}").returncode == 0
    try:
        assert ask(visitors, "GET", "/health")[0] == 200
        status, body = ask(visitors, "GET", "/ready")
        assert (status, "the database cannot be reached" in body) == (503, True)
        status, body = ask(visitors, "GET", "/")
        assert (status, "The guest book cannot be read" in body) == (200, True)
    finally:
        assert host.run(f"systemctl start {SERVER}").returncode == 0
    assert ask(visitors, "GET", "/ready")[0] == 200


def test_the_apps_own_tests_pass_on_postgresql(visitors: Site) -> None:
    password = secrets.token_urlsafe(16)
    host = visitors.host
    as_postgres(host, "createuser tests && createdb --owner tests tests")
    done = host.run("cd / && runuser -u postgres -- psql -q", stdin=(
        f"ALTER ROLE tests PASSWORD '{password}';".encode()
    ))  # fmt: skip
    assert done.returncode == 0, done.stderr
    (stage,) = app_stages(REPOSITORY / "app")

    with tunnel(host, 5432) as port:
        url = f"postgresql://tests:{password}@127.0.0.1:{port}/tests"
        ran = run_quietly(stage, TEST_DATABASE_URL=url)

    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


@contextmanager
def tunnel(host: Host, port: int) -> Iterator[int]:
    """Bring a port of the VM here, over SSH; yield the port on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        here = free.getsockname()[1]
    command = ssh_command(host.lab, host.vm)
    forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{here}:127.0.0.1:{port}"]
    process = subprocess.Popen([*command[:1], *forward, *command[1:]], env=dict(os.environ))
    try:
        _wait_for(here, process)
        yield here
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert process.poll() is None, "ssh has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the tunnel does not open")
