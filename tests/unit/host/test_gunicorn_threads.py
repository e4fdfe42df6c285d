"""The worker of a release in a real gunicorn: who takes a request, and what a stop does to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import making
from turnout_host import gunicorn_hooks, gunicorn_threads

APP = """
import os, sys, time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        sys.exit(3)
    if path == "/slow":
        time.sleep(1.5)
    elif path == "/lazy":
        time.sleep(0.02)
    body = b"" if path == "/unread" else environ["wsgi.input"].read()
    answer = f"{os.getpid()} {len(body)}".encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
"""
# Nobody measures: this only ends a test that would hang.
PATIENCE_SECONDS = 30


class Server:
    """gunicorn with the files of a release, on a socket as systemd hands it over."""

    def __init__(self, folder: Path, **gunicorn: Any) -> None:
        for module, name in ((gunicorn_hooks, "gunicorn.conf.py"), (gunicorn_threads, "")):
            source = Path(str(module.__file__))
            end = "configure(globals(), Path(__file__).resolve().parent)\n" if name else ""
            (folder / (name or source.name)).write_text(f"{source.read_text()}\n\n{end}")
        code = folder / "code"
        code.mkdir()
        (code / "app.py").write_text(APP)
        wanted = {**making.GUNICORN, "workers": 1, "threads": 2, **gunicorn}
        manifest = {**making.settings(), "release": "r1", "app": "hello", "entry": "app:app"}
        (folder / "release.json").write_text(json.dumps({**manifest, "gunicorn": wanted}))
        self.socket, self.log = folder / "s.sock", folder / "log"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(64)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                # As systemd does: the socket is number 3, and the variable names the process.
                ["sh", "-c", 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&0', "sh", sys.executable,
                 "-m", "gunicorn", "--config", str(folder / "gunicorn.conf.py")],
                cwd=code,
                env={"PATH": os.environ["PATH"]},
                stdin=self._listener.fileno(),
                stdout=log,
                stderr=log,
            )  # fmt: skip

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE_SECONDS)
        connection.sock.connect(str(self.socket))
        return connection

    def get(self, path: str) -> tuple[int, str]:
        """Ask on a connection of its own; return the status and who has answered."""
        with closing(self.connect()) as connection:
            return ask(connection, path)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        self._listener.close()


def ask(connection: http.client.HTTPConnection, path: str, body: bytes = b"") -> tuple[int, str]:
    """Ask on an open connection; return the status and the process that has answered."""
    connection.request("POST" if body else "GET", path, body or None)
    answer = connection.getresponse()
    return answer.status, answer.read().decode().split()[0] if answer.status == 200 else ""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server that answers."""
    started: list[Server] = []

    def serving(**gunicorn: Any) -> Server:
        server = Server(tmp_path, **gunicorn)
        started.append(server)
        assert server.get("/")[0] == 200, server.log.read_text()
        return server

    yield serving
    for server in started:
        server.stop()


def test_a_connection_is_kept_for_the_next_request(serve: Callable[..., Server]) -> None:
    server = serve()

    with closing(server.connect()) as connection:
        statuses = [ask(connection, "/")[0] for _ in range(5)]
        ours = connection.sock

    assert statuses == [200] * 5
    assert ours is not None


def test_more_connections_are_kept_than_there_are_threads(serve: Callable[..., Server]) -> None:
    server = serve(threads=2)
    connections = [server.connect() for _ in range(6)]

    for _ in range(2):
        assert [ask(connection, "/")[0] for connection in connections] == [200] * 6

    for connection in connections:
        connection.close()


def test_no_connection_is_kept_where_requests_take_long(serve: Callable[..., Server]) -> None:
    server = serve()

    for _ in range(20):
        server.get("/lazy")
    with closing(server.connect()) as connection:
        connection.request("GET", "/lazy")
        answer = connection.getresponse()
        answer.read()

    assert answer.getheader("Connection") == "close"


def test_a_worker_with_all_threads_busy_leaves_a_request_to_another(
    serve: Callable[..., Server],
) -> None:
    server = serve(workers=2, threads=1)
    while len(server.workers()) < 2 or len({server.get("/")[1] for _ in range(20)}) < 2:
        time.sleep(0.05)  # until both have booted

    with ThreadPoolExecutor() as clients:
        slow = clients.submit(server.get, "/slow")
        time.sleep(0.3)
        quick = {server.get("/")[1] for _ in range(10)}

    assert len(quick) == 1
    assert slow.result() == (200, next(iter({str(pid) for pid in server.workers()} - quick)))


def test_threads_answer_side_by_side(serve: Callable[..., Server]) -> None:
    server = serve(threads=2)

    with ThreadPoolExecutor() as clients:
        slow = clients.submit(server.get, "/slow")
        time.sleep(0.3)
        assert server.get("/")[0] == 200
        assert not slow.done()
        assert slow.result()[0] == 200


def test_a_body_that_the_app_leaves_unread_is_not_taken_for_a_request(
    serve: Callable[..., Server],
) -> None:
    server = serve()

    with closing(server.connect()) as connection:
        assert ask(connection, "/unread", b"GET /slow HTTP/1.1\r\n\r\n" * 1000)[0] == 200
    assert server.get("/")[0] == 200


def test_an_app_that_exits_ends_its_request_and_no_thread(serve: Callable[..., Server]) -> None:
    server = serve(threads=2)

    for _ in range(3):
        with suppress(http.client.HTTPException, ConnectionError):
            server.get("/exit")

    assert server.get("/")[0] == 200


def test_a_stop_lets_end_what_was_begun(serve: Callable[..., Server]) -> None:
    server = serve()

    with ThreadPoolExecutor() as clients:
        slow = clients.submit(server.get, "/slow")
        time.sleep(0.3)
        server.process.terminate()
        assert slow.result()[0] == 200
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_request_on_a_kept_connection_is_answered_by_a_worker_that_stops(
    serve: Callable[..., Server],
) -> None:
    server = serve()

    with closing(server.connect()) as connection:
        ask(connection, "/")
        (worker,) = server.workers()
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.3)
        assert ask(connection, "/") == (200, str(worker))
    assert server.get("/")[1] != str(worker)


def test_a_worker_is_replaced_after_as_many_requests_as_it_may_answer(
    serve: Callable[..., Server],
) -> None:
    server = serve(max_requests=20)
    (first,) = server.workers()

    answered = [server.get("/") for _ in range(60)]

    assert {status for status, _ in answered} == {200}
    assert len({who for _, who in answered}) > 1
    assert str(first) == answered[0][1]


def test_a_worker_whose_parent_died_ends(serve: Callable[..., Server]) -> None:
    server = serve()
    (worker,) = server.workers()

    server.process.kill()
    server.process.wait()

    while Path(f"/proc/{worker}").exists() and "State:\tZ" not in (
        Path(f"/proc/{worker}/status").read_text()
    ):
        time.sleep(0.1)


def test_the_request_of_a_client_that_goes_is_no_complaint(serve: Callable[..., Server]) -> None:
    server = serve()

    for _ in range(5):
        server.connect().close()

    assert server.get("/")[0] == 200
    assert "Traceback" not in server.log.read_text()
