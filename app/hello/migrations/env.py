"""Runs migrations with the app's own database and logging; Flask-Migrate calls it.

Expand, then contract: a migration may only do what the release that is live at that moment can live
with (add a table, a nullable column, an index). What nothing uses any more goes a release later.
"""

from __future__ import annotations

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]


def compare_nothing_new(_context, _revision, directives):
    """Write no empty migration when the models have not changed."""
    if (
        getattr(context.config.cmd_opts, "autogenerate", False)
        and directives[0].upgrade_ops.is_empty()
    ):
        directives[:] = []


def options():
    """Return Flask-Migrate's options; the factory sets them."""
    return {"process_revision_directives": compare_nothing_new, **migrate.configure_args}


if context.is_offline_mode():
    url = migrate.db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=migrate.db.metadata, literal_binds=True, **options())
    with context.begin_transaction():
        context.run_migrations()
else:
    with migrate.db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=migrate.db.metadata, **options())
        with context.begin_transaction():
            context.run_migrations()
