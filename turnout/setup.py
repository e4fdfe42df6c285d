"""Makes the app ready for development on this machine: what a newcomer would type by hand."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

LOCKED = ("requirements.txt", "requirements-dev.txt")


def setup(app: Path = REPOSITORY / "app") -> None:
    """Make the app's environment, its `.env` and its database; safe to repeat.

    Args:
        app: the folder of the app.

    Raises:
        TurnoutError: a step failed.
    """
    make_environment(app)
    make_settings(app)
    migrate(app)
    where = app.relative_to(REPOSITORY) if app.is_relative_to(REPOSITORY) else app
    print(f"Ready. Next: . {where}/.venv/bin/activate && flask --app {where} run")


def make_environment(app: Path) -> None:
    """Make `.venv` from the locked requirements; nothing to do where they have not changed."""
    stamp = app / ".venv/.made-by-setup"
    files = [app / name for name in LOCKED if (app / name).exists()]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Making the app's .venv from its locked requirements", flush=True)
    uv = str(Path(sys.executable).with_name("uv"))
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, ".venv"], app)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes"]
    install += ["--python", ".venv/bin/python"]
    _run([*install, *(word for file in files for word in ("-r", file.name))], app)
    stamp.write_text(wanted)  # last: what an interrupt left half-made is made again


def make_settings(app: Path) -> None:
    """Copy `.env.example` to `.env` with a key of its own; an existing one stays as it is."""
    example, settings = app / ".env.example", app / ".env"
    if settings.exists() or not example.exists():
        return
    text = example.read_text().replace(
        "SECRET_KEY=\n", f"SECRET_KEY={secrets.token_urlsafe(32)}\n", 1
    )
    settings.touch(mode=0o600)
    settings.write_text(text)
    print("Wrote .env from .env.example, with a SECRET_KEY of its own", flush=True)


def migrate(app: Path) -> None:
    """Bring the development database up to the app's schema, if the app has migrations."""
    packages = [path.parent.parent.name for path in sorted(app.glob("*/migrations/env.py"))]
    if not packages:
        return
    print("Migrating the development database", flush=True)
    _run([".venv/bin/flask", "--app", packages[0], "db", "upgrade"], app)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TurnoutError(
            f"`{Path(command[0]).name} {' '.join(command[1:])}` failed in {folder}.",
            done.stdout + done.stderr,
            "mend what the message names and run ./inv setup again",
        )
