"""The migration of every release: a table, and a line in it, where there is a database."""

from __future__ import annotations

import os

import psycopg

from .version import VERSION

if "DATABASE_URL" in os.environ:
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        database.execute("CREATE TABLE IF NOT EXISTS migrations (release text)")
        database.execute("INSERT INTO migrations VALUES (%s)", [VERSION])
