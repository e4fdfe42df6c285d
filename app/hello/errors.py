"""Errors: a page for people, JSON for programs, details for the log only."""

from __future__ import annotations

import logging

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

log = logging.getLogger(__name__)


def configure(app: Flask) -> None:
    """Answer every error the same way."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(InternalServerError, broken)


def wants_json() -> bool:
    """Say whether the client would rather have JSON; a browser and `*/*` get the page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


def answer(error: HTTPException) -> ResponseReturnValue:
    """Say what is wrong, and keep the headers that belong to the error (Allow, Retry-After)."""
    if error.response is not None or error.code is None:
        return error  # a redirect, or an answer that a view has made itself
    facts = {
        "status": error.code,
        "title": error.name,
        "detail": error.description,
        "request_id": g.get("request_id"),
    }
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    if wants_json():
        return {"error": facts}, error.code, headers
    return render_template("error.html", **facts), error.code, headers


def broken(error: InternalServerError) -> ResponseReturnValue:
    """Answer an exception nobody expected; Flask has logged it with its traceback."""
    error.description = "Something went wrong here. It has been written down, with this number."
    return answer(error)
