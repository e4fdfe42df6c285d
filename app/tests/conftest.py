"""An app of its own for each test, with the names a deploy would give it, on a real database.

By default each test has a SQLite file. With TEST_DATABASE_URL all run on that PostgreSQL server,
whose tables they empty.
"""

from __future__ import annotations

import logging
import os
import shutil

import flask_migrate
import pytest

from hello import create_app
from hello.extensions import db

SERVER = os.environ.get("TEST_DATABASE_URL", "")
DEPLOYED = {
    "APP_ENV": "testing",
    "TURNOUT_RELEASE": "20260101T120000-abc1234-5eaf00d1-9f8e7d",
    "TURNOUT_SLOT": "green",
}


@pytest.fixture(scope="session")
def inherited():
    """What a program needs of our environment to run and be measured; nothing that sets the app."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH") or name.startswith("COVERAGE_")
    }


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """The address of a database with the schema, made by the migrations and not by the models."""
    url = SERVER or f"sqlite:///{tmp_path_factory.mktemp('database') / 'migrated.db'}"
    app = create_app({**DEPLOYED, "DATABASE_URL": url})
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    return url


@pytest.fixture
def environ(migrated, tmp_path):
    """The environment of a deployed app, for tests that change it."""
    if SERVER:
        return {**DEPLOYED, "DATABASE_URL": SERVER}
    shutil.copy(migrated.removeprefix("sqlite:///"), tmp_path / "hello.db")
    return {**DEPLOYED, "DATABASE_URL": f"sqlite:///{tmp_path / 'hello.db'}"}


@pytest.fixture
def make(environ):
    """Make an app with some settings changed; its log is the test's own."""
    before, level = list(logging.getLogger().handlers), logging.getLogger().level
    made = []

    def make(**changed):
        app = create_app({**environ, **changed})
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            if SERVER and app.config["SQLALCHEMY_DATABASE_URI"].endswith(SERVER.split("@")[-1]):
                for table in reversed(db.metadata.sorted_tables):
                    db.session.execute(table.delete())
                db.session.commit()
            db.session.remove()
            db.engine.dispose()
    for handler in set(logging.getLogger().handlers) - set(before):
        handler.close()
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(level)


@pytest.fixture
def app(make):
    return make()


@pytest.fixture
def client(app):
    return app.test_client()
