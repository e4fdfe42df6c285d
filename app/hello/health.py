"""What a deploy and a monitor ask."""

from __future__ import annotations

import logging
from dataclasses import asdict

from flask import Blueprint, current_app
from sqlalchemy.exc import SQLAlchemyError

from .database import schema_problem
from .identity import identity_of

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

Answer = tuple[dict[str, object], int, dict[str, str]]
NOT_KEPT = {"Cache-Control": "no-store"}


@blueprint.get("/health")
def health() -> Answer:
    """Alive: the process answers. Asks nothing else, so a slow database cannot fail it."""
    return {"status": "alive", **asdict(identity_of(current_app))}, 200, NOT_KEPT


@blueprint.get("/ready")
def ready() -> Answer:
    """Ready for traffic, or 503 with the reasons."""
    reasons = [reason for reason in (database_problem(),) if reason]
    answer = {"reasons": reasons, **asdict(identity_of(current_app))}
    if reasons:
        return {"status": "not ready", **answer}, 503, NOT_KEPT
    return {"status": "ready", **answer}, 200, NOT_KEPT


def database_problem() -> str:
    """Return why the database does not serve, '' if it does; details go to the log only."""
    try:
        return schema_problem()
    except SQLAlchemyError:
        log.exception("the database cannot be asked for its schema")
        return "the database cannot be reached"
