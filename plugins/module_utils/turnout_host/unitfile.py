"""The parts of systemd's units that depend on a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import venvs
from .layout import Layout

# Not part of the sandbox: how the slot service lives, which a one-off command does not share.
_NOT_SANDBOX = (
    "Type", "NotifyAccess", "Exec", "Restart", "RuntimeDirectory", "Timeout", "Kill",
    "Environment", "PassEnvironment", "Standard", "Syslog", "WorkingDirectory", "Watchdog",
    "Sockets", "NonBlocking", "FileDescriptor", "Success", "SendSIG", "FinalKillSignal",
    "OOMPolicy",
)  # fmt: skip


def working_directory(release: Path, manifest: dict[str, Any]) -> str:
    """Return the one working directory of gunicorn and commands."""
    code = release / "code"
    return str(code / manifest["chdir"]) if manifest.get("chdir") else str(code)


def drop_in(layout: Layout, manifest: dict[str, Any]) -> str:
    """Return the drop-in that makes a slot run this release.

    It names the slot's link, which moves only while nothing runs in the slot: so it is the same for
    most releases, and systemd need not read all its units anew.
    """
    release = layout.slot("%i")  # systemd.unit(5), SPECIFIERS
    health, gunicorn = manifest["health"], manifest["gunicorn"]
    python = venvs.python(layout, manifest["venv"])
    # systemd kills only after gunicorn has had its graceful timeout, and some.
    stop_seconds = int(gunicorn["graceful_timeout_seconds"]) + 10
    arguments = "".join(f" {quote(argument)}" for argument in gunicorn.get("arguments", []))
    lines = [
        "[Service]",
        f"WorkingDirectory={working_directory(release, manifest)}",
        f"EnvironmentFile={release / 'env'}",
        "ExecStart=",
        f"ExecStart={python} -m gunicorn --config {release / 'gunicorn.conf.py'}{arguments}",
        f"TimeoutStartSec={int(health['start_timeout_seconds'])}",
        f"TimeoutStopSec={stop_seconds}",
        *(f"ReadWritePaths={path}" for path in manifest.get("writable", [])),
    ]
    return "\n".join(lines) + "\n"


def quote(argument: str) -> str:
    """Return one argument for ``ExecStart=``, exact (systemd.service(5), COMMAND LINES)."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'


def sandbox(base_unit: str) -> list[str]:
    """Return the directives of the base unit that confine the app, user included."""
    service = base_unit.partition("[Service]")[2].partition("\n[")[0]
    lines = [line.strip() for line in service.splitlines()]
    return [
        line for line in lines if "=" in line and not line.startswith(("#", ";", *_NOT_SANDBOX))
    ]
