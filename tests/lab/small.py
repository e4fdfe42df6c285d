"""A small app with its settings, for what is tried on VMs and is not about the app.

Its deploys take less of the machine than those of the sample app, which other tests deploy: in a
browser, under load, on PostgreSQL, from a clean clone.
"""

from __future__ import annotations

from typing import Any

from turnout.bench.stubs import locked
from turnout.paths import REPOSITORY

CODE = REPOSITORY / "tests/apps/small"
# What differs from the sample app's; each of them comes with a deploy, none with provision.
SETTINGS: dict[str, Any] = {
    "app_entry": "hello:app",
    "app_migrate_command": "python -m hello.migrate",
}
PACKAGES = ("gunicorn", "packaging", "psycopg", "psycopg-binary", "typing-extensions")


def requirements() -> str:
    """Return its lock: of what it needs, the versions that the sample app has locked."""
    text = (REPOSITORY / "app/requirements.txt").read_text()
    return "".join(locked(text, package) for package in PACKAGES)
