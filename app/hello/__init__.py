"""The sample app that Turnout deploys: small, but shaped like a real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from hello import diagnostics, health, pages
from hello.config import load_config
from hello.headers import add_security_headers

__version__ = "1.0.0"


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Make the application from the environment.

    Args:
        overrides: settings that win over the environment, for tests.

    Raises:
        hello.config.ConfigurationError: a setting that production needs is missing.
    """
    app = Flask(__name__)
    app.config.from_mapping(load_config(debug=app.debug, overrides=overrides or {}))
    app.config["VERSION"] = __version__

    app.register_blueprint(pages.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(diagnostics.blueprint)
    app.register_error_handler(404, pages.not_found)
    app.after_request(add_security_headers)
    return app
