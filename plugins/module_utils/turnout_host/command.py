"""Run a command of a release as its service would: same user, sandbox, environment, folder."""

from __future__ import annotations

import os
import time
from typing import Any

from . import hiding, unitfile, units, venvs
from .errors import HostFailure
from .layout import Layout

EVIDENCE_CHARACTERS = 8000


class OutOfTimeError(HostFailure):
    """The command was ended because its time was over."""


def run_in_release(
    layout: Layout,
    name: str,
    manifest: dict[str, Any],
    command: str,
    *,
    what: str,
    timeout_seconds: float,
    timeout_setting: str = "",
    run: units.Run = units.run,
) -> str:
    """Run a shell command to its end and return what it printed, without the release's secrets.

    The environment file is read by systemd and never by a shell, so odd
    values arrive exactly. No stdin.

    Args:
        command: for ``/bin/sh -c``, with the virtual environment's ``bin`` first on PATH.
        what: names the command in errors.
        timeout_seconds: after which systemd ends it.
        timeout_setting: where a team says how long that is.

    Raises:
        OutOfTimeError: if it takes longer.
        HostFailure: if it fails.
    """
    argv = [*_prefix(layout, name, manifest, timeout_seconds), "/bin/sh", "-c", command]
    hide = hiding.hider(layout, name)
    began = time.monotonic()
    try:
        done = run(argv, check=False, timeout=timeout_seconds + 30)
    except HostFailure as failure:
        output = hide(failure.evidence)
        evidence = output[-EVIDENCE_CHARACTERS:]
        raise HostFailure(failure.cause, failure.next_step, evidence, {"log": output}) from None
    # Hidden before it is cut: half a secret would not be found any more.
    output = hide(done.stdout)
    # systemd-run does not say why it was ended, and what the command said last is no cause.
    if done.returncode and time.monotonic() - began >= timeout_seconds:
        longer = f", or allow it more in {timeout_setting}" if timeout_setting else ""
        raise OutOfTimeError(
            f"{what} took longer than {timeout_seconds:g} s and was ended",
            f"read its output; make it quicker{longer}; traffic is as before",
            output[-EVIDENCE_CHARACTERS:],
            {"log": output},
        )
    if done.returncode:
        raise HostFailure(
            f"{what} failed with exit code {done.returncode}: `{command}`",
            "read its output; traffic is as before",
            output[-EVIDENCE_CHARACTERS:],
            {"log": output},
        )
    return output


def _prefix(
    layout: Layout, name: str, manifest: dict[str, Any], timeout_seconds: float
) -> list[str]:
    # Each its own: systemd removes this folder when the command ends, and two may run at once.
    runtime = f"{layout.app}-command-{os.urandom(4).hex()}"
    path = f"{venvs.python(layout, manifest['venv']).parent}:/usr/local/bin:/usr/bin:/bin"
    properties = [
        *unitfile.sandbox(layout.base_unit.read_text()),
        *(f"ReadWritePaths={writable}" for writable in manifest.get("writable", [])),
        f"WorkingDirectory={unitfile.working_directory(layout.release(name), manifest)}",
        f"EnvironmentFile={layout.release(name) / 'env'}",
        f"Environment=TURNOUT_APP={layout.app}",
        f"Environment=TURNOUT_HOME={layout.base}",
        f"Environment=TURNOUT_RELEASE={name}",
        f"Environment=XDG_RUNTIME_DIR=/run/{runtime}",
        f"Environment=PATH={path}",
        f"RuntimeDirectory={runtime}",
        f"RuntimeMaxSec={timeout_seconds * 1000:.0f}ms",
    ]
    flags = ["--quiet", "--pipe", "--wait", "--collect"]
    return ["systemd-run", *flags, *(f"--property={line}" for line in properties)]
