"""Migrate: the app's own commands, before a release takes traffic."""

from __future__ import annotations

from . import command, releases
from .atomic import write_file
from .layout import Layout


def migrate(layout: Layout, name: str, *, init: str, migrate: str, timeout_seconds: float) -> str:
    """Run the init command if it never succeeded here, then the migrate command.

    Args:
        init: run once in the app's lifetime on this host; some apps' init drops its tables.
        migrate: run with each release.

    Returns:
        What the commands printed.

    Raises:
        HostFailure: if one fails; traffic is as before.
    """
    manifest = releases.get(layout, name).manifest
    done = layout.base / ".initialised"
    output = ""
    if init and not done.exists():
        output += command.run_in_release(
            layout, name, manifest, init, what="app_init_command", timeout_seconds=timeout_seconds
        )
        write_file(done, f"{name}\n".encode())
    if migrate:
        output += command.run_in_release(
            layout,
            name,
            manifest,
            migrate,
            what="app_migrate_command",
            timeout_seconds=timeout_seconds,
        )
    return output
