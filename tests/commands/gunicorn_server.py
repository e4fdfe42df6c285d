"""A real gunicorn with the files of a release, and an app that does what it is asked for."""

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
