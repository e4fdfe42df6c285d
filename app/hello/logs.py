"""Logging: one line a record, who and which request on each, and nothing that must stay secret."""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import re
import sys
import time
import uuid
from typing import Any

from flask import Flask, Response, current_app, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter

from .identity import Identity, identity_of
from .redaction import redact, redact_value

log = logging.getLogger("hello")

TEXT = "%(asctime)s %(levelname)-7s %(source)s %(message)s"
JSON_FIELDS = ("time", "level", "logger", "source", "message", "request_id", "release", "slot")
FILE_BYTES, FILES_KEPT = 10 * 1024 * 1024, 5
# What may come from outside into our lines; nginx makes one where there is none.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}


class Context(logging.Filter):
    """Puts on each record when, where, which request and who."""

    def __init__(self, me: Identity) -> None:
        super().__init__()
        self._me = me

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; every record passes."""
        instant = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        record.time = f"{instant}.{int(record.msecs):03}Z"
        record.level = record.levelname
        record.logger = record.name
        record.source = f"{record.module}.py:{record.lineno}"
        record.request_id = g.get("request_id") if has_request_context() else None
        record.release, record.slot = self._me.release, self._me.slot
        return True


class Redaction(logging.Filter):
    """Takes out of each record what no log may hold: from its text, its fields, its traceback."""

    _formatter = logging.Formatter()
    _kept = OWN_ATTRIBUTES | set(JSON_FIELDS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; every record passes."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self._formatter.formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name in vars(record).keys() - self._kept:
            setattr(record, name, redact_value(name, getattr(record, name)))
        return True


class People(logging.Formatter):
    """One line a record, with the fields behind the words."""

    _own = OWN_ATTRIBUTES | set(JSON_FIELDS)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the library's name
        """Return the line."""
        fields = [
            f"{name}={value}" for name, value in vars(record).items() if name not in self._own
        ]
        return " ".join([super().formatMessage(record), *fields])


def configure(app: Flask) -> None:
    """Send everything this process logs to one place, and log each request."""
    handler = make_handler(app.config, identity_of(app))
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, "of_hello", False)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(app.config["LOG_LEVEL"])
    app.logger.handlers.clear()  # else Flask's own handler writes errors a second time
    # A gunicorn worker's own words (an exception outside Flask quotes the address) go the same way.
    errors = logging.getLogger("gunicorn.error")
    if errors.handlers:
        errors.handlers.clear()
        errors.propagate = True
    # The development server prints each request itself, query and all.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app.before_request(begin)
    app.after_request(log_request)
    if not app.testing:
        log.info("started", extra={"version": app.config["VERSION"]})
        atexit.register(log_stop)


def log_stop() -> None:
    """Log the end of this process."""
    log.info("stopped")


def make_handler(config: dict[str, Any], me: Identity) -> logging.Handler:
    """Return the one handler: standard error, which is the journal on a host, or a file."""
    handler: logging.Handler
    if config["LOG_FILE"]:
        handler = logging.handlers.RotatingFileHandler(
            config["LOG_FILE"], maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8"
        )
    else:
        handler = logging.StreamHandler(sys.stderr)
    if config["LOG_FORMAT"] == "json":
        handler.setFormatter(JsonFormatter(JSON_FIELDS))
    else:
        handler.setFormatter(People(TEXT, datefmt="%H:%M:%S"))
    handler.addFilter(Context(me))
    handler.addFilter(Redaction())
    handler.of_hello = True  # type: ignore[attr-defined]
    return handler


def begin() -> None:
    """Take the request's id from the proxy, or give it one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.request_began = time.perf_counter()


def log_request(response: Response) -> Response:
    """Log what was asked and how it ended; the query and the client stay out."""
    seconds = time.perf_counter() - g.request_began
    slow = seconds >= current_app.config["LOG_SLOW_SECONDS"]
    # Monitors ask all day long.
    usual = logging.DEBUG if request.blueprint in ("health", "metrics") else logging.INFO
    log.log(
        logging.WARNING if slow else usual,
        "slow request" if slow else "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "seconds": round(seconds, 4),
        },
    )
    response.headers["X-Request-ID"] = g.request_id
    return response
