"""The configuration's part of a release's name: a keyed hash, so that it gives no secret away."""

from __future__ import annotations

import hashlib
import hmac
import json

from .errors import BuildError

_LENGTH = 6


def revision(configuration: object, key: str) -> str:
    """Name a configuration: another value anywhere in it gives another name.

    A bare hash of a secret would let anyone who reads the name try secrets out.

    Args:
        configuration: plain values, everything configurable that goes into the release.
        key: the secret of the environment.

    Raises:
        BuildError: there is no key.
    """
    if not key:
        raise BuildError(
            "The release cannot be named",
            "app_revision_key is empty",
            "make the environment's secrets: invoke secrets.init --env <env>",
        )
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"), default=str)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def release_name(artifact: str, configuration: object, key: str) -> str:
    """Return the name of the release of an artifact with a configuration."""
    return f"{artifact}-{revision(configuration, key)}"
