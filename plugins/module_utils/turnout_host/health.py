"""Is it well? HTTP over a slot's own socket, and through the host's nginx."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from . import hiding

# `connections` is imported where it is needed: most calls ask nobody, and HTTP and TLS would take a
# fifth of each.
if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

BODY_LIMIT = 65536


class Health(NamedTuple):
    """What counts as healthy, and how long to wait for it."""

    path: str = "/health"
    host: str = "localhost"
    scheme: str = "http"
    statuses: tuple[int, ...] = (200,)
    text: str = ""
    timeout_seconds: float = 5.0
    start_timeout_seconds: float = 90.0
    soak_seconds: float = 3.0

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Health:
        """Build from the ``health`` part of release.json."""
        return cls(**{**settings, "statuses": tuple(settings.get("statuses", (200,)))})


def through_nginx(wanted: Health, hostnames: Sequence[str]) -> Health:
    """Return what to ask the host's nginx for: by a name that it serves today.

    A release keeps the name that it was deployed with, and its site may have another one by now.

    Args:
        hostnames: what provision gave the site; none of a host that was not told.
    """
    host = wanted.host.rpartition(":")[0] or wanted.host
    if not hostnames or any(fnmatchcase(host.lower(), name.lower()) for name in hostnames):
        return wanted
    return wanted._replace(host=hostnames[0].replace("*", "www", 1))


class Answer(NamedTuple):
    """What came back from one probe; ``error`` when nothing did."""

    status: int = 0
    headers: Mapping[str, str] = MappingProxyType({})
    body: str = ""
    error: str = ""

    def describe(self) -> str:
        """Return the answer as evidence for a person."""
        if self.error:
            return self.error
        headers = (f"{name}: {hiding.header(name, told)}" for name, told in self.headers.items())
        return "\n".join([f"HTTP {self.status}", *headers, "", self.body])


def probe_slot(path: Path, health: Health) -> Answer:
    """Ask the app behind a slot's socket for its health page, as nginx would."""
    from .connections import UnixConnection

    return _ask_once(UnixConnection(path, health.timeout_seconds), health)


def probe_public(port: int, health: Health, *, tls: bool = False) -> Answer:
    """Ask through the host's own nginx, with the real Host (and SNI)."""
    return _ask_once(public_connection(port, health, tls=tls), health)


def public_connection(port: int, health: Health, *, tls: bool = False) -> HTTPConnection:
    """Return a connection to the host's own nginx, made when it is first used."""
    from . import connections

    if tls:
        return connections.LoopbackTls(port, health.host, health.timeout_seconds)
    return connections.HTTPConnection("127.0.0.1", port, timeout=health.timeout_seconds)


def _ask_once(connection: HTTPConnection, health: Health) -> Answer:
    headers = {
        "X-Forwarded-Proto": health.scheme,
        "X-Forwarded-For": "127.0.0.1",
        "User-Agent": "turnout-health",
        "Connection": "close",
    }
    with contextlib.closing(connection):
        return ask(connection, health, headers)


def ask(connection: HTTPConnection, health: Health, headers: dict[str, str]) -> Answer:
    """Ask for the health page with its Host; what goes wrong is an answer, too."""
    from http.client import HTTPException

    try:
        connection.request("GET", health.path, headers={"Host": health.host, **headers})
        response = connection.getresponse()
        body = _read(response, health.timeout_seconds).decode(errors="replace")
        if not response.isclosed() and response.length != 0:
            connection.close()  # more of the body is to come: nothing else can be asked here
        response.close()
    except TimeoutError:
        return Answer(error=f"no answer within {health.timeout_seconds:g} s")
    except (OSError, HTTPException) as error:
        return Answer(error=f"no answer: {error or type(error).__name__}")
    return Answer(response.status, dict(response.getheaders()), body)


def told(answer: Answer, health: Health) -> str:
    """Return what was asked for and what came back, as evidence for a person."""
    return f"{_asked(health)}\n{answer.describe()}"


def _asked(health: Health) -> str:
    return f"GET {health.path} (Host {health.host})"


def _read(response: HTTPResponse, seconds: float) -> bytes:
    """Read a body up to a size and a time: a stream that never ends is an answer, too."""
    deadline, parts, size = time.monotonic() + seconds, [], 0
    while size < BODY_LIMIT and time.monotonic() < deadline:
        part = response.read1(BODY_LIMIT - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def complaint(answer: Answer, health: Health) -> str | None:
    """Return why ``answer`` is not healthy, or None when it is."""
    asked = _asked(health)
    if answer.error:
        return f"{asked}: {answer.error}"
    if answer.status not in health.statuses:
        wanted = ", ".join(map(str, health.statuses))
        return f"{asked} answered {answer.status}, not {wanted}"
    if health.text and health.text not in answer.body:
        return f"{asked} answered {answer.status} without the text {health.text!r}"
    return None
