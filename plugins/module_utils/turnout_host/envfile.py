"""The environment file: the one writer whose output systemd reads back exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# NUL, surrogates and Unicode's noncharacters: one of them, and systemd refuses the whole file.
_REFUSED = re.compile(
    "[\0\ud800-\udfff\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)
# systemd takes a backslash before these four, and a raw newline, inside double
# quotes (systemd.exec(5), EnvironmentFile=); every other form was seen to lose something.
_ESCAPED = re.compile(r'(["\\`$])')
_WRITTEN = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


def render(environment: Mapping[str, str]) -> str:
    """Return the text of an environment file for systemd's ``EnvironmentFile=``.

    Raises:
        ValueError: for a name that no shell would take, or a value with a NUL or
            with what is no character in Unicode.
            The message carries names only, never a value.
    """
    for name, value in environment.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for an environment variable")
        if _REFUSED.search(value):
            raise ValueError(
                f"the value of {name} contains a character that no environment file can hold "
                "(NUL, or a code point that is no character)"
            )
    lines = (f'{name}="{_escape(value)}"\n' for name, value in sorted(environment.items()))
    return "".join(lines)


def _escape(value: str) -> str:
    return _ESCAPED.sub(r"\\\1", value)


def parse(text: str) -> dict[str, str]:
    """Return the environment that ``render`` wrote."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in _WRITTEN.findall(text)}
