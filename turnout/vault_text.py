"""The text of a vault: values are set in it, and all that is around them stays as it is."""

from __future__ import annotations

from typing import Any

import yaml


def with_values(text: str, fresh: dict[str, str]) -> str:
    """Return the vault's text with these values, '' if it would be YAML no more."""
    try:
        for name, value in fresh.items():
            text = _with(text, name, value)
    except yaml.YAMLError:  # it quotes the text around it: that is a secret
        return ""
    return text


def _with(text: str, name: str, value: str) -> str:
    """Return the vault's text with this value; the text around it stays as it is."""
    line = f'{name}: "{value}"'
    pairs = _pairs(text)
    places = [(key, old) for key, old in pairs if key.value == name]
    for key, old in reversed(places):  # from the end: what is before it stays where it is
        start, end = key.start_mark.index, old.end_mark.index
        # A block ends where the next name begins; the lines between them are not its own.
        end = start + len(text[start:end].rstrip())
        text = text[:start] + line + text[end:]
    return text if places else _added(text, line, pairs)


def _added(text: str, line: str, pairs: list[tuple[yaml.Node, yaml.Node]]) -> str:
    if pairs and not text.endswith("\n"):
        # Not at the end: the newline that is missing there would be a part of a block's value.
        first = pairs[0][0].start_mark.index
        return f"{text[:first]}{line}\n{text[first:]}"
    before = text or "---"
    return before + ("" if before.endswith("\n") else "\n") + line + "\n"


def _pairs(text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    """Return the vault's names and values with their places in its text."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root.value if isinstance(root, yaml.MappingNode) else []


def parsed(text: str) -> Any:
    """Return what the text holds, None if it is no YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
