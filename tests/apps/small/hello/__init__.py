"""A small app, with a database if it is given one: what is tried with it is everything but the app.

It answers what the load generator asks of the sample app, and starts in a tenth of its time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
kept = threading.local()


def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer `/`, `/health`, `/ready` and `/echo`."""
    status, answer = answers(environ)
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def answers(environ: Environ) -> tuple[str, dict[str, object]]:
    """Return the status line, and what is answered."""
    path, release = environ["PATH_INFO"], os.environ.get("TURNOUT_RELEASE")
    if path == "/echo":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return "200 OK", {"bytes": len(environ["wsgi.input"].read(length))}
    if path == "/ready":
        return ready(release)
    return "200 OK" if path in ("/", "/health") else "404 Not Found", {"release": release}


def ready(release: str | None) -> tuple[str, dict[str, object]]:
    """Answer whether the database has what the release's migration makes."""
    if "DATABASE_URL" not in os.environ:
        return "200 OK", {"release": release}
    import psycopg

    try:
        ask("SELECT release FROM migrations LIMIT 1")
    except psycopg.Error as error:
        return "503 Service Unavailable", {"release": release, "reason": str(error)}
    return "200 OK", {"release": release}


def ask(query: str) -> None:
    """Run a query over this thread's connection, or a new one where the old one is broken."""
    import psycopg

    for attempt in (1, 2):
        if attempt == 2 or not hasattr(kept, "connection"):
            address = os.environ["DATABASE_URL"]
            kept.connection = psycopg.connect(address, autocommit=True, connect_timeout=5)
        try:
            kept.connection.execute(query)
        except psycopg.OperationalError:
            if attempt == 2:
                raise
        else:
            return
