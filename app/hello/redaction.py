"""What no log may hold: credentials, cookies and personal data, wherever in a line they turn up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

GONE = "[redacted]"

# A part of a name is enough: `db_password`, `X-Api-Key`, `csrf_token`, `sessionid`.
_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|authorization|cookie|session[_-]?id|"
    r"api[_-]?key|private[_-]?key|secret[_-]?key|access[_-]?key|credential|signature|dsn"
)
SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
PERSONAL_NAME = re.compile(
    r"e?[_-]?mail|phone|address|remote[_-]?addr|ip|(?:user|first|last|full)[_-]?name|name|message",
    re.IGNORECASE,
)

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # -----BEGIN ... PRIVATE KEY----- up to its end
    (re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL), GONE),
    # scheme://user:password@host
    (re.compile(r"(?P<kept>\b[a-z][a-z0-9+.-]*://)[^\s/@]*@", re.IGNORECASE), rf"\g<kept>{GONE}@"),
    # Cookie: and Authorization: take the rest of the line, for their values have spaces
    (
        re.compile(
            r"(?P<kept>\b(?:set-)?cookie|(?:proxy-)?authorization)(?P<sign>[\"']?\s*[:=]\s*)[^\r\n]+",
            re.IGNORECASE,
        ),
        rf"\g<kept>\g<sign>{GONE}",
    ),
    (re.compile(r"\b(?P<kept>Bearer|Basic|Digest)\s+[A-Za-z0-9+/=._~-]{6,}"), rf"\g<kept> {GONE}"),
    # password=..., "token": "...", api_key: '...'
    (
        re.compile(
            rf"(?P<kept>[\w-]*(?:{_NAMES})[\w-]*[\"']?\s*[:=]\s*)"
            r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&\"'}\])]+)",
            re.IGNORECASE,
        ),
        rf"\g<kept>{GONE}",
    ),
    # JSON Web Tokens stand on their own
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), GONE),
    (re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+"), GONE),
    # IPv4, then IPv6 with four groups or more, or shortened
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), GONE),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}(?![\w:])", re.IGNORECASE), GONE),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:)+(?::[0-9a-f]{1,4})+(?![\w:])", re.IGNORECASE), GONE),
    # numbers of cards and accounts
    (re.compile(r"\b(?:\d[ -]?){13,19}\b"), GONE),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), GONE),
)


def redact(text: str) -> str:
    """Return the text without what looks like a secret or like personal data."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_value(name: str, value: Any) -> Any:
    """Return a value for the log, judged by its name first and then by its text.

    Args:
        name: what it is called: the key, the field, the argument.
        value: anything; mappings and sequences are gone through.
    """
    if SECRET_NAME.search(name) or PERSONAL_NAME.fullmatch(name):
        return GONE if value not in (None, "", False, True) else value
    if isinstance(value, Mapping):
        return {key: redact_value(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(name, item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
