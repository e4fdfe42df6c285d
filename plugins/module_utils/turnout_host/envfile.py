"""The environment file: the one writer whose output systemd reads back exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# systemd takes a backslash before these four, and a raw newline, inside double
# quotes (systemd.exec(5), EnvironmentFile=); every other form was seen to lose something.
_ESCAPED = re.compile(r'(["\\`$])')


def render(environment: Mapping[str, str]) -> str:
    """Return the text of an environment file for systemd's ``EnvironmentFile=``.

    Raises:
        ValueError: for a name that no shell would take, or a NUL in a value.
            The message carries names only, never a value.
    """
    for name, value in environment.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for an environment variable")
        if "\0" in value:
            raise ValueError(f"the value of {name} contains a NUL character")
    lines = (f'{name}="{_escape(value)}"\n' for name, value in sorted(environment.items()))
    return "".join(lines)


def _escape(value: str) -> str:
    return _ESCAPED.sub(r"\\\1", value)
