"""What an app says may hold its secrets: they are hidden before anybody else reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .layout import Layout

HIDDEN = "***"
# What is shorter is a word like any other, and hiding it would leave nothing to read.
LEAST_CHARACTERS = 6
HEADERS = ("authorization", "cookie", "proxy-authorization", "set-cookie", "www-authenticate")

# Not the quoted name before a value.
_QUOTED = re.compile(r"""(["'])(.+?)\1(?!\s*[:=])""")
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s]+)@")

Hide = Callable[[str], str]


def hider(layout: Layout, *releases: str | None) -> Hide:
    """Return what puts ``***`` in place of every value of these releases' configuration.

    That is every value of an environment and of a config file, however it was quoted on its way
    into a log, but for what `release.json` says in the open.
    """
    return hider_of({value for name in releases if name for value in _values(layout.release(name))})


def hider_of(values: Iterable[str]) -> Hide:
    """Return what puts ``***`` in place of these values, in whatever form they are written."""
    # The longest first: one value may be a part of another.
    forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, HIDDEN)
        return text

    return hide


def header(name: str, value: str) -> str:
    """Return a header's value, unless such a header lets somebody in."""
    return HIDDEN if name.lower() in HEADERS else value


def _values(release: Path) -> Iterator[str]:
    from . import envfile

    known = _text(release / "release.json")
    texts = list(envfile.parse(_text(release / "env")).values())
    config = [_text(file) for file in sorted((release / "config").rglob("*")) if file.is_file()]
    parts = [part for text in (*texts, *config) for line in text.splitlines() for part in _in(line)]
    for value in (*texts, *parts):
        if len(value) >= LEAST_CHARACTERS and value not in known:
            yield value


def _text(file: Path) -> str:
    try:
        # As bytes: a carriage return is a part of its value.
        return file.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _in(line: str) -> Iterator[str]:
    """Return what may be a value in a line of a config file, whatever its format."""
    yield from (found[2] for found in _QUOTED.finditer(line))
    yield from (found[1] for found in _PASSWORD_IN_ADDRESS.finditer(line))
    yield re.split("[=:]", line, maxsplit=1)[-1].strip(" \t\"',").removeprefix("- ")


def _forms(value: str) -> Iterator[str]:
    """Return how a value looks in a log, in JSON, in a traceback, on a page and in an address."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    # Where there is a value to hide: not with each call of the program.
    from html import escape
    from urllib.parse import quote, quote_plus

    page = escape(value)
    yield page
    yield page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")  # as Jinja writes it
    yield quote(value)
    yield quote(value, safe="")
    yield quote_plus(value)
