"""Migrations, and whether a schema serves this code."""

import subprocess
import sys

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from hello.config import APP_FOLDER
from hello.database import MIGRATIONS, schema_problem
from hello.extensions import db


@pytest.fixture
def empty(make, tmp_path):
    """An app whose database has no schema."""
    app = make(DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")
    with app.app_context():
        yield app


def test_models_and_migrations_say_the_same(app):
    with app.app_context():
        flask_migrate.check()


def test_a_model_that_no_migration_knows_is_noticed(app):
    from sqlalchemy import Column, Integer, Table

    extra = Table("forgotten", db.metadata, Column("id", Integer, primary_key=True))
    try:
        with app.app_context(), pytest.raises(SystemExit):
            flask_migrate.check()
    finally:
        db.metadata.remove(extra)


def test_every_migration_can_be_taken_back(empty):
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()

    assert schema_problem() == ""


def test_a_database_without_a_schema_does_not_serve(empty):
    assert "no schema" in schema_problem()
    assert empty.test_client().get("/ready").status_code == 503


def test_a_schema_behind_this_code_does_not_serve(empty):
    flask_migrate.upgrade(revision="0001")

    assert "at 0001 and this code needs 0002" in schema_problem()


def test_a_schema_beyond_this_code_serves(empty):
    """While the next release migrates, the live one must stay ready."""
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_the_next_release'"))

    assert schema_problem() == ""
    assert empty.test_client().get("/ready").status_code == 200


def test_the_release_before_the_last_migration_can_still_write(empty):
    """Expand: 0002 adds a column that older code does not know."""
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO entry (name, message, written_at)"
                " VALUES ('an old release', 'hello', '2026-01-01 12:00:00')"
            )
        )

    assert "an old release" in empty.test_client().get("/").text


def test_migrations_have_one_head():
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


def test_flask_finds_the_app_from_the_repository_and_from_its_folder(inherited, tmp_path):
    for folder, name in ((APP_FOLDER.parent, APP_FOLDER.name), (APP_FOLDER, "hello")):
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", name, "db", "upgrade"],
            cwd=folder,
            env={
                **inherited,
                "APP_ENV": "testing",
                "DATABASE_URL": f"sqlite:///{tmp_path / name}.db",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / f"{name}.db").stat().st_size
