"""The app under its real server, with more than one worker."""

import http.client
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from hello.config import APP_FOLDER
from hello.logs import JSON_FIELDS


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("gunicorn") / "log"


@pytest.fixture(scope="module")
def server(migrated, inherited, log):
    """gunicorn as in production, with three workers on a socket of its own; its process."""
    folder = log.parent
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"],
            cwd=APP_FOLDER,
            env={
                **inherited,
                "APP_ENV": "production",
                "SECRET_KEY": "only for tests, but long",
                "DATABASE_URL": migrated,
                "BIND": f"unix:{folder / 'hello.sock'}",
                "WEB_CONCURRENCY": "3",
                "XDG_RUNTIME_DIR": str(folder),
            },
            stderr=file,
            stdout=file,
        )
        process.args = str(folder / "hello.sock")
        try:
            wait_until(lambda: ask(process, "/health")[0] == 200, log)
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
    before = counted(server)
    for _ in range(60):
        assert ask(server, "/identity")[0] == 200

    # Whichever worker answers, it tells of all.
    assert {counted(server) for _ in range(10)} == {before + 60}
    assert len(re.findall("^app_info", ask(server, "/metrics")[1], re.MULTILINE)) == 1


def test_metrics_wait_for_a_worker_that_is_making_its_files(client, monkeypatch, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    unfilled = folder / "counter_1.db"
    unfilled.touch()
    monkeypatch.setattr("time.sleep", lambda _: os.truncate(unfilled, 4096))

    assert client.get("/metrics").status_code == 200


def test_counts_outlive_the_worker_that_made_them(server, log):
    before = counted(server)
    for _ in range(30):
        ask(server, "/identity")
    children = subprocess.run(
        ["ps", "--ppid", str(server.pid), "-o", "pid="], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(children) == 3

    for child in children:
        os.kill(int(child), signal.SIGTERM)

    wait_until(lambda: ask(server, "/health")[0] == 200, log)
    assert counted(server) == before + 30


def test_in_production_gunicorns_own_lines_are_as_the_apps(server, log):
    ask(server, "/identity")

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    by_logger = {line["logger"]: set(line) for line in lines}
    assert {line["source"] for line in lines if "Listening at" in line["message"]}
    assert by_logger["gunicorn.error"] == set(JSON_FIELDS)
    assert by_logger["gunicorn.error"] <= by_logger["hello"]


@pytest.mark.parametrize(
    ("settings", "is_json"),
    [
        ({}, True),
        ({"APP_ENV": "production", "LOG_FORMAT": "text"}, False),
        ({"APP_ENV": "development"}, False),
        ({"APP_ENV": "development", "LOG_FORMAT": "json"}, True),
    ],
)
def test_gunicorns_lines_follow_the_settings_of_the_apps(monkeypatch, tmp_path, settings, is_json):
    for name in ("APP_ENV", "LOG_FORMAT", "TURNOUT_RELEASE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (settings | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)

    found = runpy.run_path(str(APP_FOLDER / "gunicorn.conf.py"))

    assert ("logconfig_dict" in found) is is_json


def test_on_a_host_the_deploy_decides_what_the_machine_does(monkeypatch, tmp_path):
    monkeypatch.setenv("TURNOUT_RELEASE", "r1")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    found = runpy.run_path(str(APP_FOLDER / "gunicorn.conf.py"))

    assert not {"bind", "workers", "threads", "worker_class", "wsgi_app"} & set(found)


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
