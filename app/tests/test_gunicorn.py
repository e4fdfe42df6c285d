"""The app under its real server, with more than one worker."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from hello.config import APP_FOLDER


@pytest.fixture
def server(environ, inherited, tmp_path):
    """gunicorn with three workers on a socket of its own; its process."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"],
            cwd=APP_FOLDER,
            env={
                **inherited,
                **environ,
                "TURNOUT_RELEASE": "",
                "BIND": f"unix:{tmp_path / 'hello.sock'}",
                "WEB_CONCURRENCY": "3",
                "XDG_RUNTIME_DIR": str(tmp_path),
            },
            stderr=log,
            stdout=log,
        )
        process.args = str(tmp_path / "hello.sock")
        try:
            wait_until(lambda: ask(process, "/health")[0] == 200, tmp_path / "log")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def ask(process, path):
    """GET over the socket, on a connection of its own."""
    import socket

    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    with closing(connection):
        try:
            connection.sock.connect(process.args)
        except OSError:
            return 0, ""
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def wait_until(true, log):
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def counted(process):
    """Return how many answers of /identity the metrics tell of."""
    lines = ask(process, "/metrics")[1]
    found = re.search(r'http_requests_total\{endpoint="pages.identity".*\} (\d+)', lines)
    return float(found[1]) if found else 0


def test_metrics_are_right_with_several_workers(server):
    for _ in range(60):
        assert ask(server, "/identity")[0] == 200

    # Whichever worker answers, it tells of all.
    assert {counted(server) for _ in range(10)} == {60}
    assert len(re.findall("^app_info", ask(server, "/metrics")[1], re.MULTILINE)) == 1


def test_counts_outlive_the_worker_that_made_them(server, tmp_path):
    for _ in range(30):
        ask(server, "/identity")
    children = subprocess.run(
        ["ps", "--ppid", str(server.pid), "-o", "pid="], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(children) == 3

    for child in children:
        os.kill(int(child), signal.SIGTERM)

    wait_until(lambda: ask(server, "/health")[0] == 200, tmp_path / "log")
    assert counted(server) == 30


def test_own_metrics_are_told_where_one_process_runs(client):
    client.get("/identity")

    page = client.get("/metrics")
    assert page.content_type.startswith("text/plain")
    assert 'endpoint="pages.identity"' in page.text


def test_unknown_paths_and_methods_make_no_new_series(client):
    client.get("/some/long/path")
    client.open("/identity", method="INVENTED")

    page = client.get("/metrics").text
    assert "/some/long/path" not in page
    assert "INVENTED" not in page
