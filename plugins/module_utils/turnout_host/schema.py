"""Which schema the database has, and whether a release knows it: what a rollback must not ignore.

With Alembic the revisions stand in the release's own code, so nothing has to run to know them; with
other tools the app's command prints where its database is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import command, journal, releases, units
from .layout import Layout
from .releases import Release

# How a release's schema is known, and what is known: heads by Alembic, or what the command printed.
Schema = dict[str, list[str]]
ALEMBIC, COMMAND = "alembic", "command"
SECONDS = 60


def note(layout: Layout, name: str, run: units.Run = units.run) -> None:
    """Note in the journal where the database is, once the release's migrations have run."""
    found = _ask(layout, releases.get(layout, name), run)
    if found:
        journal.record(layout, "schema", schema=found)


def reached(layout: Layout, name: str, run: units.Run = units.run) -> Schema | None:
    """Return the schema that a release was verified with, or None where nothing tells."""
    noted = journal.last(layout, "schema")
    return dict(noted["schema"]) if noted else _ask(layout, releases.get(layout, name), run)


def left_behind(layout: Layout) -> Schema | None:
    """Return the schema to which a deploy migrated the database before it failed, or None."""
    noted = journal.last(layout, "schema")
    return dict(noted["schema"]) if noted else None


def live(layout: Layout) -> Schema | None:
    """Return the schema that the last deploy left the database with, or None if nothing tells."""
    known = [entry["schema"] for entry in journal.read_lines(layout.history) if "schema" in entry]
    return dict(known[-1]) if known else None


def objection(layout: Layout, name: str) -> str | None:
    """Return why a release cannot work with the schema that is live, or None."""
    there = live(layout)
    if not there:
        return None
    (kind, heads), known = next(iter(there.items())), _known(layout, releases.get(layout, name))
    if set(heads) <= known.get(kind, set()):
        return None
    unknown = ", ".join(sorted(set(heads) - known.get(kind, set())))
    return f"the database is at schema {unknown}, which release {name} does not know"


def _known(layout: Layout, release: Release) -> dict[str, set[str]]:
    verified_with: set[str] = set()
    for entry in journal.read_lines(layout.history):
        if entry.get("release") == release.name:
            verified_with = set(entry.get("schema", {}).get(COMMAND, verified_with))
    code = layout.release(release.name) / "code"
    return {ALEMBIC: set(revisions(code)), COMMAND: verified_with}


def _ask(layout: Layout, release: Release, run: units.Run) -> Schema | None:
    wanted = release.manifest.get("schema") or {}
    if wanted.get("command"):
        printed = command.run_in_release(
            layout, release.name, release.manifest, str(wanted["command"]),
            what="app_schema_command", timeout_seconds=SECONDS, run=run,
        )  # fmt: skip
        return {COMMAND: sorted({line.strip() for line in printed.splitlines() if line.strip()})}
    known = revisions(layout.release(release.name) / "code") if wanted.get("alembic") else {}
    return {ALEMBIC: heads(known)} if known else None


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
