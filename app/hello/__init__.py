"""The sample app that Turnout deploys: small, but shaped like a real one."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from . import (
    config,
    database,
    diagnostics,
    errors,
    headers,
    health,
    logs,
    metrics,
    pages,
    sentry,
)
from .extensions import csrf, limiter

__version__ = "1.0.0"


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Make the application from the environment.

    Args:
        environ: the environment to read; by default the process's own, with `.env` in development.

    Raises:
        hello.config.ConfigurationError: settings are missing or malformed; it lists all of them.
    """
    app = Flask(__name__)
    app.config.from_mapping(config.load(environ), VERSION=__version__)

    logs.configure(app)
    metrics.configure(app)
    sentry.configure(app)
    headers.configure(app)
    database.configure(app)
    csrf.init_app(app)
    limiter.init_app(app)
    errors.configure(app)

    app.register_blueprint(pages.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(diagnostics.blueprint)
    csrf.exempt(diagnostics.blueprint)
    return app
