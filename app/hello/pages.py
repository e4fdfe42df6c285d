"""What a person sees: which release, slot and version answered."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request
from werkzeug.exceptions import NotFound

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> tuple[str, int, dict[str, str]]:
    """Greet, and say who answered. Never cached: the next answer may be another release's."""
    page = render_template(
        "home.html",
        release=current_app.config["RELEASE"],
        slot=current_app.config["SLOT"],
        version=current_app.config["VERSION"],
    )
    return page, 200, {"Cache-Control": "no-store"}


def not_found(_error: NotFound) -> tuple[str, int]:
    """Say which address is unknown and offer the way back."""
    return render_template("not_found.html", path=request.path), 404
