"""Which schema the database has, and whether a release knows it: what a rollback must not ignore.

With Alembic the revisions stand in the release's own code, so nothing has to run to know them; with
other tools the app's command prints where its database is.
"""

from __future__ import annotations

from . import journal, releases, units
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
    from .alembic_scripts import revisions

    verified_with: set[str] = set()
    for entry in journal.read_lines(layout.history):
        if entry.get("release") == release.name:
            verified_with = set(entry.get("schema", {}).get(COMMAND, verified_with))
    code = layout.release(release.name) / "code"
    return {ALEMBIC: set(revisions(code)), COMMAND: verified_with}


def _ask(layout: Layout, release: Release, run: units.Run) -> Schema | None:
    # Most deploys ask nothing, and load nothing for it.
    wanted = release.manifest.get("schema") or {}
    if wanted.get("command"):
        from . import command

        printed = command.run_in_release(
            layout, release.name, release.manifest, str(wanted["command"]),
            what="app_schema_command", timeout_seconds=SECONDS, run=run,
        )  # fmt: skip
        return {COMMAND: sorted({line.strip() for line in printed.splitlines() if line.strip()})}
    if not wanted.get("alembic"):
        return None
    from .alembic_scripts import heads, revisions

    known = revisions(layout.release(release.name) / "code")
    return {ALEMBIC: heads(known)} if known else None
