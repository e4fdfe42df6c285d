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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import making
from turnout_host import gunicorn_hooks, gunicorn_threads

APP = """
import os, sys, time

def broken():
    yield b"12345"
    raise RuntimeError("it broke off")

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        sys.exit(3)
    if path == "/fork" and os.fork() == 0:
        sys.exit(0)
    if path == "/broken":
        start_response("200 OK", [("Content-Length", "10")])
        return broken()
    if path == "/held":
        open("held", "w").close()
        while not os.path.exists("let go"):
            time.sleep(0.01)
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

    def __init__(
        self, folder: Path, first: str = "", kept_below: float = 60, **gunicorn: Any
    ) -> None:
        for module, name in ((gunicorn_hooks, "gunicorn.conf.py"), (gunicorn_threads, "")):
            source = Path(str(module.__file__))
            end = "configure(globals(), Path(__file__).resolve().parent)\n" if name else ""
            (folder / (name or source.name)).write_text(f"{source.read_text()}\n\n{end}")
        with (folder / "gunicorn_threads.py").open("a") as own:
            own.write(f"KEPT_BELOW_SECONDS = {kept_below}\n")
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "app.py").write_text(f"{first}\n{APP}")
        wanted = {**making.GUNICORN, "workers": 1, "threads": 2, "graceful_timeout_seconds": 10}
        manifest = {**making.settings(), "release": "r1", "app": "hello", "entry": "app:app"}
        (folder / "release.json").write_text(
            json.dumps({**manifest, "gunicorn": wanted | gunicorn})
        )
        self.socket, self.log = folder / "s.sock", folder / "log"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(64)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                # As systemd does: the socket is number 3, and the variable names the process.
                ["sh", "-c", 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&0', "sh", sys.executable,
                 "-m", "gunicorn", "--config", str(folder / "gunicorn.conf.py")],
                cwd=self.code,
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                stdin=self._listener.fileno(),
                stdout=log,
                stderr=log,
            )  # fmt: skip

    def connect(self) -> http.client.HTTPConnection:
        """Connect, and not once more: who loses the connection has no other way to the server."""
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE_SECONDS)
        connection.sock.connect(str(self.socket))
        return connection

    def get(self, path: str) -> tuple[int, str]:
        """Ask on a connection of its own; return the status and who has answered."""
        with closing(self.connect()) as connection:
            return ask(connection, path)

    @contextmanager
    def holding(self) -> Iterator[Future[tuple[int, str]]]:
        """Ask for what is not answered before the block ends."""
        for name in ("held", "let go"):
            (self.code / name).unlink(missing_ok=True)
        with ThreadPoolExecutor() as clients:
            held = clients.submit(self.get, "/held")
            try:
                until((self.code / "held").exists)
                yield held
                assert not held.done()
            finally:
                (self.code / "let go").touch()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def stop(self) -> None:
        """End it at once: how it ends by itself is what some tests are about."""
        with suppress(FileNotFoundError, ProcessLookupError):
            for worker in self.workers():
                os.kill(worker, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._listener.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    """Ask on an open connection; return the status and the process that has answered."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode().split()[0] if answer.status == 200 else ""


def is_running(process: int) -> bool:
    """Say whether a process has not ended."""
    with suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker of two threads, for the tests after which it goes on."""
    server = Server(tmp_path_factory.mktemp("gunicorn"))
    try:
        assert server.get("/")[0] == 200, server.log.read_text()
        yield server
    finally:
        server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server of the test's own that answers."""
    started: list[Server] = []

    def serving(**gunicorn: Any) -> Server:
        server = Server(tmp_path, **gunicorn)
        started.append(server)
        assert server.get("/")[0] == 200, server.log.read_text()
        return server

    yield serving
    for server in started:
        server.stop()


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with closing(server.connect()) as connection:
        statuses = [ask(connection, "/")[0] for _ in range(5)]
        ours = connection.sock

    assert statuses == [200] * 5
    assert ours is not None


def test_more_connections_are_kept_than_there_are_threads(server: Server) -> None:
    connections = [server.connect() for _ in range(6)]

    for _ in range(2):
        assert [ask(connection, "/")[0] for connection in connections] == [200] * 6

    for connection in connections:
        connection.close()


def test_who_connects_and_says_nothing_takes_no_thread(server: Server) -> None:
    silent = [server.connect() for _ in range(6)]

    assert server.get("/")[0] == 200
    assert [ask(connection, "/")[0] for connection in silent] == [200] * 6

    for connection in silent:
        connection.close()


def test_no_connection_is_kept_where_requests_take_long(serve: Callable[..., Server]) -> None:
    server = serve(kept_below=gunicorn_threads.KEPT_BELOW_SECONDS)

    for _ in range(20):
        server.get("/lazy")
    with closing(server.connect()) as connection:
        connection.request("GET", "/lazy")
        answer = connection.getresponse()
        answer.read()

    assert (answer.status, answer.getheader("Connection")) == (200, "close")


def test_a_worker_with_all_threads_busy_leaves_a_request_to_another(
    serve: Callable[..., Server],
) -> None:
    server = serve(workers=2, threads=1)
    until(lambda: len({server.get("/")[1] for _ in range(4)}) == 2)  # both have booted

    with server.holding() as held:
        quick = {server.get("/")[1] for _ in range(10)}

    assert len(quick) == 1
    assert held.result()[1] not in quick


def test_threads_answer_side_by_side(server: Server) -> None:
    with server.holding() as held:
        assert server.get("/")[0] == 200

    assert held.result()[0] == 200


@pytest.mark.parametrize("kept_below", [60, 0])
def test_the_answer_to_a_body_that_the_app_leaves_unread_arrives(
    serve: Callable[..., Server], kept_below: float
) -> None:
    server = serve(kept_below=kept_below)
    body = b"GET /held HTTP/1.1\r\n\r\n" * 20_000

    with closing(server.connect()) as connection:
        connection.putrequest("POST", "/unread")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        for start in range(0, len(body), 2**15):
            connection.send(body[start : start + 2**15])
            time.sleep(0.005)
        answer = connection.getresponse()
        assert (answer.status, answer.read().split()[1]) == (200, b"0")
        if kept_below:
            assert ask(connection, "/")[0] == 200
            assert answer.getheader("Connection") == "keep-alive"


def test_an_answer_that_breaks_off_holds_up_no_stop(serve: Callable[..., Server]) -> None:
    server = serve(graceful_timeout_seconds=1000)

    for _ in range(3):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            server.get("/broken")

    server.process.terminate()
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "it broke off" in server.log.read_text()
    assert "could not" not in server.log.read_text()


def test_a_child_that_the_app_forks_takes_no_request(server: Server) -> None:
    connections = [server.connect() for _ in range(6)]
    workers = {str(worker) for worker in server.workers()}

    for _ in range(3):
        assert server.get("/fork")[1] in workers
        assert {ask(connection, "/")[1] for connection in connections} == workers

    for connection in connections:
        connection.close()


def test_an_app_that_exits_ends_its_request_and_no_thread(server: Server) -> None:
    for _ in range(3):
        with suppress(http.client.HTTPException, ConnectionError):
            server.get("/exit")

    assert server.get("/")[0] == 200


def test_a_stop_lets_end_what_was_begun(serve: Callable[..., Server]) -> None:
    server = serve()

    with server.holding() as held:
        server.process.terminate()
        time.sleep(0.1)

    assert held.result()[0] == 200
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_request_on_a_kept_connection_is_answered_by_a_worker_that_stops(
    serve: Callable[..., Server],
) -> None:
    server = serve()

    with closing(server.connect()) as connection:
        ask(connection, "/")
        (worker,) = server.workers()
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.1)
        assert ask(connection, "/") == (200, str(worker))
    until(lambda: not is_running(worker))
    assert server.get("/")[0] == 200


def test_a_worker_that_is_stopped_while_it_boots_ends(serve: Callable[..., Server]) -> None:
    server = serve(first="import os, signal; os.path.exists('held') and os.kill(os.getpid(), 15)")
    (server.code / "held").touch()

    (worker,) = server.workers()
    os.kill(worker, signal.SIGTERM)
    until(lambda: server.log.read_text().count("Booting worker") > 2)
    (server.code / "held").unlink()

    assert server.get("/")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_a_worker_is_replaced_after_as_many_requests_as_it_may_answer(
    serve: Callable[..., Server],
) -> None:
    server = serve(max_requests=20)
    first = server.get("/")
    answered = []

    def another() -> bool:
        answered.append(server.get("/"))
        return answered[-1][1] != first[1]

    until(another)

    assert {status for status, _ in answered} == {200}
    assert len(answered) > 15


def test_an_app_that_is_patched_for_greenlets_gets_gunicorns_own_loop(
    serve: Callable[..., Server],
) -> None:
    server = serve(first="import select; del select.epoll")

    assert [server.get("/")[0] for _ in range(5)] == [200] * 5
    assert "Traceback" not in server.log.read_text()


def test_a_worker_whose_parent_died_ends(serve: Callable[..., Server]) -> None:
    server = serve()
    (worker,) = server.workers()

    server.process.kill()
    server.process.wait()

    until(lambda: not is_running(worker))


def test_the_request_of_a_client_that_goes_is_no_complaint(server: Server) -> None:
    before = len(server.log.read_text())

    for _ in range(5):
        server.connect().close()

    assert server.get("/")[0] == 200
    assert "Traceback" not in server.log.read_text()[before:]
