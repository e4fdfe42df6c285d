"""Migrate: the app's own commands, before a release takes traffic."""

from __future__ import annotations

from . import releases, units
from .atomic import write_file
from .layout import Layout


def migrate(
    layout: Layout,
    name: str,
    *,
    init: str,
    migrate: str,
    timeout_seconds: float,
    run: units.Run = units.run,
) -> str:
    """Run the init command if it never succeeded here, then the migrate command.

    Args:
        init: run once in the app's lifetime on this host; some apps' init drops its tables.
        migrate: run with each release.
        timeout_seconds: how long each may take.

    Returns:
        What the commands printed.

    Raises:
        HostFailure: if one fails; traffic is as before.
    """
    from . import command  # the other callers ask only whether init has run

    manifest = releases.get(layout, name).manifest

    def execute(setting: str, line: str) -> str:
        return command.run_in_release(
            layout, name, manifest, line, what=setting, timeout_seconds=timeout_seconds,
            timeout_setting="app_command_timeout_seconds", run=run,
        )  # fmt: skip

    output = ""
    if init and not is_initialised(layout):
        output += execute("app_init_command", init)
        note(layout, name)
    return output + (execute("app_migrate_command", migrate) if migrate else "")


def note(layout: Layout, name: str) -> None:
    """Note that the app's init command has succeeded, here or on the host that ran it for all.

    Each host of a fleet knows it, for any of them may be the last that is left.
    """
    if not is_initialised(layout):
        write_file(layout.initialised, f"{name}\n".encode())


def is_initialised(layout: Layout) -> bool:
    """Say whether the app's init command has succeeded on this host."""
    return layout.initialised.exists()
