"""Settings come from the environment, and a missing one is named before the first request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

DEVELOPMENT_KEY = "development only"
LARGEST_BODY_BYTES = 10 * 1024 * 1024


class ConfigurationError(RuntimeError):
    """The environment lacks something; the message says what to set."""


def load_config(*, debug: bool, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Read the settings, the tests' overrides last."""
    config = {
        "SECRET_KEY": os.environ.get("SECRET_KEY", ""),
        "RELEASE": os.environ.get("TURNOUT_RELEASE", ""),
        "SLOT": os.environ.get("TURNOUT_SLOT", ""),
        "MAX_CONTENT_LENGTH": LARGEST_BODY_BYTES,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        **overrides,
    }
    config["SECRET_KEY"] = config["SECRET_KEY"] or secret_key_without_one(debug=debug)
    return config


def secret_key_without_one(*, debug: bool) -> str:
    """Stand in for a missing key while developing; in production refuse to start."""
    if debug:
        return DEVELOPMENT_KEY
    raise ConfigurationError(
        "SECRET_KEY is not set. In production put it into app_secrets of the inventory; "
        "on your own machine copy .env.example to .env, or set FLASK_DEBUG=1."
    )
