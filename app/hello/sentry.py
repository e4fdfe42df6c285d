"""Errors go to Sentry where SENTRY_DSN is set and the optional sentry-sdk is installed."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask

from .identity import identity_of
from .redaction import redact_value

log = logging.getLogger(__name__)


def configure(app: Flask) -> None:
    """Report unhandled exceptions of this application."""
    dsn = app.config["SENTRY_DSN"]
    if not dsn:
        return
    try:
        import sentry_sdk
    except ImportError:
        log.warning("SENTRY_DSN is set but sentry-sdk is missing: app_requirements must name it")
        return
    me = identity_of(app)
    sentry_sdk.init(
        dsn=dsn,
        environment=app.config["APP_ENV"],
        release=me.release or me.version,
        server_name=me.host,
        send_default_pii=False,
        before_send=redacted,
    )
    sentry_sdk.set_tag("slot", me.slot or "none")


def redacted(event: Any, _hint: Any) -> Any:
    """Keep from Sentry what the log does not get either."""
    return redact_value("event", event)
