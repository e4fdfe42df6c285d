"""Refuse settings of the wrong type, each with what to write instead, before a host is touched.

Ansible's own check takes the text 'localhost' for a list, and its message names internal classes.
Here text is text and a list is a list. The types are those of the role's argument spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import BOOLEANS  # type: ignore[import-untyped]

MOST_CHARACTERS = 60

Option = dict[str, Any]


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number; one from the command line is text."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+", value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a number, also as text."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_truth(value: Any) -> bool:
    """Whether a value is true or false, in one of Ansible's spellings."""
    if isinstance(value, str):
        return value.lower() in BOOLEANS
    return isinstance(value, int) and value in BOOLEANS


# What fits each type, and what to write where something else stands.
TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "raw": (lambda value: isinstance(value, (str, int)), "a number, or text in quotes"),
    "str": (lambda value: isinstance(value, str), "text, in quotes"),
    "path": (lambda value: isinstance(value, str), "a path"),
    "int": (is_whole, "a whole number"),
    "float": (is_number, "a number"),
    "bool": (is_truth, "true or false"),
    "list": (lambda value: isinstance(value, list), "a list, such as [one, two]"),
    "dict": (lambda value: isinstance(value, Mapping), "names and values, such as {NAME: value}"),
}


def problems(where: str, value: Any, option: Option) -> Iterator[str]:
    """Yield what is wrong with the type of a value and of all in it, one line for each place."""
    fits, wanted = TYPES[option.get("type", "str")]
    choices = option.get("choices")
    if not fits(value):
        yield f"{where} {shown(value, option)}: write {wanted}"
    elif choices and value not in choices:
        yield f"{where} {shown(value, option)}: write one of {', '.join(map(str, choices))}"
    elif isinstance(value, list):
        element = {**option, "type": option.get("elements", "str")}
        for number, item in enumerate(value):
            yield from problems(f"{where}[{number}]", item, element)
    elif isinstance(value, Mapping) and option.get("options"):
        yield from inside(where, value, option)


def inside(where: str, value: Mapping[str, Any], option: Option) -> Iterator[str]:
    """Yield what is wrong with the keys of a value that has a fixed set of them."""
    known: dict[str, Option] = option["options"]
    for name in value:
        if name not in known:
            yield f"{where}.{name} is unknown: write one of {', '.join(known)}"
    for name, part in known.items():
        if name in value:
            hidden = option.get("no_log", False)
            yield from problems(f"{where}.{name}", value[name], {"no_log": hidden, **part})
        elif part.get("required"):
            yield f"{where}.{name} is not set: write {TYPES[part.get('type', 'str')][1]}"


def shown(value: Any, option: Option) -> str:
    """Say what a value is, without giving a secret away."""
    if value is None:
        return "is empty"
    hidden = option.get("no_log") or len(repr(value)) > MOST_CHARACTERS
    return "has the wrong type" if hidden else f"is {value!r}"


def remedy(env: str, role: str) -> str:
    """Tell where the settings stand and where they are described."""
    return (
        f"correct it in inventories/{env}/group_vars/all/app.yml; "
        f"`ansible-doc -t role {role}` describes every setting"
    )
