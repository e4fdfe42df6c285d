"""What differs between two releases: the names of their environment, dependencies, files."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from . import artifact, envfile
from .layout import Layout

Value = TypeVar("Value")
# What is larger is data, not code that a person reads.
MOST_BYTES = 65536
# Nothing of these is shown but that they differ.
SECRETIVE = re.compile(
    r"(^|/)\.env|\.(env|pem|key|p12|pfx|kdbx)$|secret|credential|passw|vault|netrc|pgpass|id_rsa",
    re.IGNORECASE,
)


def environment(layout: Layout, name: str, live: str | None) -> Iterator[str]:
    """Return the names of a release's environment, marked where they differ from the live one's."""
    new = _environment(layout, name)
    old = _environment(layout, live) if live else new
    for key in sorted(set(new) | set(old)):
        if key not in new:
            yield f"{key}  (only the live release has it)"
        elif key not in old:
            yield f"{key}  (the live release does not have it)"
        else:
            yield key + ("" if new[key] == old[key] else "  (another value than the live one's)")


def _environment(layout: Layout, name: str) -> dict[str, str]:
    return envfile.parse((layout.release(name) / "env").read_bytes().decode())


def dependencies(layout: Layout, name: str, live: str) -> Iterator[str]:
    """Return the packages that were added, removed and changed, each with its versions."""
    old, new = (_packages(layout, one) for one in (live, name))
    yield from _changes(old, new, lambda package: f"{package} {old[package]} -> {new[package]}")


def _packages(layout: Layout, name: str) -> dict[str, str]:
    # PEP 427: name-version-tags, and no hyphen in a name.
    return {wheel.split("-")[0]: wheel.split("-")[1] for wheel in _artifact(layout, name).wheels}


def files(layout: Layout, name: str, live: str) -> Iterator[str]:
    """Return the files that were added, removed and changed, then the changes of small texts."""
    old, new = (_artifact(layout, one).files for one in (live, name))
    yield from _changes(old, new)
    for path in sorted(path for path in set(old) & set(new) if old[path] != new[path]):
        yield from _difference(path, _text(layout, live, path, old), _text(layout, name, path, new))
    manifests = [_lines(layout.release(one) / "release.json") for one in (live, name)]
    yield from _unified("release.json", *manifests)


def _artifact(layout: Layout, name: str) -> artifact.Artifact:
    found = artifact.of_release(layout, name)
    if found is None:
        raise LookupError(f"the manifest of {name} is not there")
    return found


def _changes(
    old: Mapping[str, Value], new: Mapping[str, Value], words: Callable[[str], str] = str
) -> Iterator[str]:
    for key in sorted(set(old) | set(new)):
        if key not in old:
            yield f"added    {key}"
        elif key not in new:
            yield f"removed  {key}"
        elif old[key] != new[key]:
            yield f"changed  {words(key)}"


def _difference(path: str, old: list[str] | None, new: list[str] | None) -> Iterator[str]:
    if old is not None and new is not None:
        yield from _unified(path, old, new)


def _unified(path: str, old: list[str], new: list[str]) -> Iterator[str]:
    lines = difflib.unified_diff(old, new, f"live/{path}", f"new/{path}", lineterm="")
    shown = list(lines)
    yield from ["", *shown] if shown else []


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def _text(layout: Layout, name: str, path: str, known: Mapping[str, Any]) -> list[str] | None:
    """Return the lines of a small text, as it was shipped; None for anything else."""
    file = layout.release(name) / "code" / path
    wanted = known[path].get("sha256")
    if SECRETIVE.search(path) or not wanted or not file.is_file():
        return None
    if file.stat().st_size > MOST_BYTES:
        return None
    content = file.read_bytes()
    # A link may have been put in its place since, to what the app writes.
    if b"\0" in content or hashlib.sha256(content).hexdigest() != wanted:
        return None
    return content.decode(errors="replace").splitlines()
