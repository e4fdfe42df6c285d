"""Lets `flask --app app run` be said in the repository; the application is `hello`, beside this."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Make the application; imported only now, so that whoever imports `hello` has it once."""
    from .hello import create_app

    return create_app()
