"""The database: how it is reached, and whether its schema serves this code."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import Pool

from .extensions import db, migrate

MIGRATIONS = Path(__file__).parent / "migrations"
# Longer than another slot's longest write, shorter than nginx waits.
BUSY_SECONDS = 10


def configure(app: Flask) -> None:
    """Bind the database and its migrations to the application."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}}
    else:
        # A connection that the server closed while it was idle is replaced, not handed out.
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 3}}
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", options)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)


@event.listens_for(Pool, "connect")
def _share_sqlite(connection: Any, _record: Any) -> None:
    """Let several workers, and both slots of a deploy, read while one of them writes."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")


@lru_cache(maxsize=1)
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def schema_problem(scripts: ScriptDirectory | None = None) -> str:
    """Return why the schema does not serve this code, '' if it does.

    A schema *beyond* this code's migrations serves: while the next release migrates, the live one
    must stay ready. That is why migrations expand first and contract a release later.

    Args:
        scripts: the migrations this code has; by default those beside it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be asked.
    """
    scripts = scripts or _scripts()
    with db.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    needed = set(scripts.get_heads())
    if present >= needed or present - known:
        return ""
    if not present:
        return "the database has no schema: run `flask --app hello db upgrade`"
    return (
        f"the schema is at {', '.join(sorted(present))} and this code needs "
        f"{', '.join(sorted(needed))}: run `flask --app hello db upgrade`"
    )
