"""One client of the load: asks, checks the answer, and says why when it is not one."""

from __future__ import annotations

import http.client
import itertools
import json
import select
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.lab.load_report import Request

ONLY_TARGET = "127.0.0.1"
TIMEOUT_SECONDS = 30.0
# nginx ends a client's connection after 75 s without a request, and may do so without a word.
IDLE_SECONDS = 60.0
BODIES = (b"x", b"y" * 2_000, b"z" * 70_000)


class Limits:
    """When a run is over: told to stop, out of time, or at its number of requests."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._count = itertools.count(1)
        self._deadline = time.monotonic() + seconds
        self._stopped = threading.Event()

    @property
    def over(self) -> bool:
        """Whether no further request may be sent."""
        return self._stopped.is_set() or time.monotonic() > self._deadline

    def stop(self) -> None:
        """End the run after the requests that are under way."""
        self._stopped.set()

    def count(self) -> None:
        """Count a request; the last one allowed ends the run."""
        if next(self._count) >= self._most:
            self.stop()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the run."""
        self._stopped.wait(seconds)


@dataclass(frozen=True)
class Target:
    """The site on this machine that is asked."""

    port: int
    host: str

    @classmethod
    def from_url(cls, url: str, host: str) -> Target:
        """Take a URL apart.

        Raises:
            ValueError: if it is not plain HTTP to a port of 127.0.0.1.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname != ONLY_TARGET or not parts.port:
            raise ValueError(f"load goes to http://{ONLY_TARGET}:<port> only, not to {url}")
        return cls(parts.port, host)


class Client:
    """Sends one request after another.

    Args:
        name: stands in the report.
        target: whom it asks.
        limits: end the run.
        keeps: whether it keeps its connection.
        posts: whether it sends every other request with a body.
        pause: seconds between two requests.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        limits: Limits,
        *,
        keeps: bool,
        posts: bool,
        pause: float,
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        self._target = target
        self._limits = limits
        self._keeps = keeps
        self._posts = posts
        self._pause = pause
        self._connection = http.client.HTTPConnection(
            ONLY_TARGET, target.port, timeout=TIMEOUT_SECONDS
        )
        self._answered = 0.0

    def run(self) -> None:
        """Ask until the run is over."""
        bodies = itertools.cycle(BODIES)
        for method in itertools.cycle(("GET", "POST") if self._posts else ("GET",)):
            if self._limits.over:
                break
            self._limits.count()
            self.requests.append(self._ask(next(bodies) if method == "POST" else None))
            self._limits.pause(self._pause)
        self._connection.close()

    def _ask(self, body: bytes | None) -> Request:
        """Send one request and return what became of it."""
        sent, status, release, error = time.time(), 0, "", self._lost_connection()
        try:
            if not error:
                status, release, error = self._exchange(body)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as raised:
            error = f"{type(raised).__name__}: {raised}"
        if error or not self._keeps:
            self._connection.close()
        method = "GET" if body is None else "POST"
        self._answered = time.time()
        return Request(self.name, method, sent, self._answered, status, error, release)

    def _lost_connection(self) -> str:
        """Return a complaint if the server ended a kept connection without having said so.

        What it announces with ``Connection: close`` http.client has closed already, and a long
        silence is a reason too; anything else costs a browser its request.
        """
        kept: socket.socket | None = self._connection.sock
        if kept is None or not select.select([kept], [], [], 0)[0]:
            return ""
        idle = time.time() - self._answered
        self._connection.close()
        if idle >= IDLE_SECONDS:
            return ""
        return f"kept connection ended by the server after {idle:.1f} s, unannounced"

    def _exchange(self, body: bytes | None) -> tuple[int, str, str]:
        """Return status, answering release (of a GET) and what is wrong with the answer."""
        headers = {
            "Host": self._target.host,
            "Connection": "keep-alive" if self._keeps else "close",
        }
        if body is None:
            self._connection.request("GET", "/health", headers=headers)
        else:
            self._connection.request("POST", "/echo", body=body, headers=headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            return response.status, "", f"status {response.status}: {text[:200]!r}"
        answer = json.loads(text)
        if body is not None:
            wrong = answer["bytes"] != len(body)
            return 200, "", f"{answer['bytes']} of {len(body)} bytes arrived" if wrong else ""
        return 200, answer["release"] or "", ""
