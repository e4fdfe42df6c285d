"""The guest book: what people write here outlives every release."""

from __future__ import annotations

import logging

from flask import current_app
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from .extensions import db
from .metrics import ENTRIES_WRITTEN
from .models import MESSAGE_LENGTH, NAME_LENGTH, Entry

log = logging.getLogger(__name__)

SHOWN = 50


def has_text(_form: FlaskForm, field: StringField) -> None:
    """Refuse what is blank, and what no database can keep."""
    if not field.data.strip():
        raise ValidationError("This is empty.")
    if "\0" in field.data:
        raise ValidationError("This holds a character that cannot be kept.")


class EntryForm(FlaskForm):
    """What a guest writes."""

    name = StringField("Your name", [InputRequired(), Length(max=NAME_LENGTH), has_text])
    message = TextAreaField("Message", [InputRequired(), Length(max=MESSAGE_LENGTH), has_text])


def latest() -> list[Entry] | None:
    """Return the newest entries; None while the database is away, which must not hide the rest."""
    newest = select(Entry).order_by(Entry.written_at.desc(), Entry.id.desc()).limit(SHOWN)
    try:
        return list(db.session.scalars(newest))
    except SQLAlchemyError:
        log.exception("the guest book cannot be read")
        db.session.rollback()
        return None


def add(form: EntryForm) -> None:
    """Write what a guest has sent in a form that is valid."""
    entry = Entry(
        name=form.name.data.strip(),
        message=form.message.data.strip(),
        release=current_app.config["TURNOUT_RELEASE"] or None,
    )
    db.session.add(entry)
    db.session.commit()
    ENTRIES_WRITTEN.inc()
    log.info("guest book entry written", extra={"entry": entry.id})
