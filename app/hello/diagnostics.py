"""Diagnostic, not a feature: load tests need a request with a body whose arrival they can check."""

from __future__ import annotations

from flask import Blueprint, request

blueprint = Blueprint("diagnostics", __name__)

CHUNK_BYTES = 64 * 1024


@blueprint.post("/echo")
def echo() -> dict[str, int]:
    """Count the bytes of the body that really arrived, without keeping them in memory."""
    received = sum(len(chunk) for chunk in iter(lambda: request.stream.read(CHUNK_BYTES), b""))
    return {"bytes": received}
