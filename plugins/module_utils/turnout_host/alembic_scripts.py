"""Alembic's revisions, as they stand in an app's own code: nothing has to run to know them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def heads(known: dict[str, set[str]]) -> list[str]:
    """Return the revisions that no other one comes after."""
    return sorted(set(known) - set().union(*known.values()))


def revisions(code: Path) -> dict[str, set[str]]:
    """Return Alembic's revisions below a folder, each with those it comes after.

    A migration environment is a folder with `env.py` and `versions/`, wherever it is
    (https://alembic.sqlalchemy.org, "The Migration Environment").
    """
    found: dict[str, set[str]] = {}
    for script in _scripts(code):
        said = _assigned(script)
        if isinstance(said.get("revision"), str):
            found[str(said["revision"])] = _names(said.get("down_revision"))
    return found


def _scripts(code: Path) -> Iterator[Path]:
    for environment in sorted(code.rglob("env.py")):
        yield from sorted((environment.parent / "versions").rglob("*.py"))


def _assigned(script: Path) -> dict[str, Any]:
    try:
        tree = ast.parse(script.read_bytes())
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for line in tree.body:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
                found[target.id] = _literal(getattr(line, "value", None))
    return found


def _literal(value: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(value) if value else None
    except ValueError:
        return None


def _names(value: Any) -> set[str]:
    names = value if isinstance(value, (tuple, list)) else [value]
    return {str(name) for name in names if name}
