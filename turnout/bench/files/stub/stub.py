"""The smallest app that can be deployed: what is measured with it is everything but the app."""

import json
from collections.abc import Callable, Iterable
from typing import Any

__version__ = "1.0.0"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every path with the version."""
    body = json.dumps({"version": __version__}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
