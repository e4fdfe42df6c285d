"""What a person sees: who answered, the deploys so far, and the guest book."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, current_app, render_template

from . import guestbook, history
from .identity import identity_of

blueprint = Blueprint("pages", __name__)

# The next answer may be another release's.
NOT_KEPT = {"Cache-Control": "no-store"}


@blueprint.get("/")
def home() -> tuple[str, int, dict[str, str]]:
    """Show it all; complete without JavaScript."""
    return render_home(guestbook.EntryForm()), 200, NOT_KEPT


@blueprint.get("/identity")
def identity() -> tuple[dict[str, object], int, dict[str, str]]:
    """Say who answered; the page asks once a second."""
    return asdict(identity_of(current_app)), 200, NOT_KEPT


def render_home(form: guestbook.EntryForm) -> str:
    """Return the page with this form, which may carry what was wrong with an entry."""
    return render_template(
        "home.html",
        identity=identity_of(current_app),
        deploys=history.deploys(current_app.config["TURNOUT_HOME"]),
        entries=guestbook.latest(),
        form=form,
    )
