"""The migration of every release: a table, and a line in it."""

from __future__ import annotations

import os

import psycopg

from .version import VERSION

with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("CREATE TABLE IF NOT EXISTS migrations (release text)")
    database.execute("INSERT INTO migrations VALUES (%s)", [VERSION])
