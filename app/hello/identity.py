"""Who is answering."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from flask import Flask

# <commit date>-<commit>-<content>-<configuration revision>, as a deploy names its releases.
RELEASE = re.compile(r"\d{8}T\d{6}-(?P<commit>[0-9a-f]{7,40}(?:\.dirty)?)-.+")


@dataclass(frozen=True)
class Identity:
    """What tells one answer from another; None where the app was not started by a deploy."""

    release: str | None
    slot: str | None
    commit: str | None
    host: str
    version: str


def identity_of(app: Flask) -> Identity:
    """Return who this process is."""
    release = app.config["TURNOUT_RELEASE"]
    named = RELEASE.fullmatch(release)
    return Identity(
        release=release or None,
        slot=app.config["TURNOUT_SLOT"] or None,
        commit=named["commit"] if named else None,
        host=socket.gethostname(),
        version=app.config["VERSION"],
    )
