"""What a deploy asks before it sends traffic here."""

from __future__ import annotations

from flask import Blueprint, current_app

blueprint = Blueprint("health", __name__)

Answer = tuple[dict[str, object], int, dict[str, str]]


def identity() -> dict[str, object]:
    """Who is answering; null where the app was not started by a deploy."""
    return {
        "release": current_app.config["RELEASE"] or None,
        "slot": current_app.config["SLOT"] or None,
        "version": current_app.config["VERSION"],
    }


@blueprint.get("/health")
def health() -> Answer:
    """Alive: the process answers. Asks nothing else, so a slow database cannot fail it."""
    return {"status": "alive", **identity()}, 200, {"Cache-Control": "no-store"}


@blueprint.get("/ready")
def ready() -> Answer:
    """Ready for traffic. This app depends on nothing beyond itself, so alive is ready."""
    return {"status": "ready", **identity()}, 200, {"Cache-Control": "no-store"}
