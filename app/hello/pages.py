"""What a person sees: who answered, the deploys so far, and the guest book."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from . import guestbook, history
from .extensions import limiter
from .identity import identity_of

blueprint = Blueprint("pages", __name__)

# The next answer may be another release's.
NOT_KEPT = {"Cache-Control": "no-store"}


@blueprint.get("/")
def home() -> tuple[str, int, dict[str, str]]:
    """Show it all; complete without JavaScript."""
    return render_home(guestbook.EntryForm()), 200, NOT_KEPT


@blueprint.post("/guestbook")
@limiter.limit(lambda: current_app.config["WRITE_LIMIT"])
def write() -> ResponseReturnValue:
    """Add an entry, then show the page by GET, so that a reload does not write twice."""
    form = guestbook.EntryForm()
    if not form.validate():
        return render_home(form), 422
    guestbook.add(form)
    flash("Thank you, your entry is in the book.")
    return redirect(url_for("pages.home", _anchor="guestbook"), code=303)


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
