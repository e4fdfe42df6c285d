"""Rollback: code, dependencies and configuration of an earlier verified release."""

from __future__ import annotations

from typing import Any

from . import current_env, releases, schema, switch
from .errors import HostFailure
from .layout import Layout


def target(layout: Layout, wanted: str | None) -> str:
    """Return the release that a rollback goes to; one that is live already may be named.

    Raises:
        HostFailure: if there is none, or the wanted one is unknown, failed or was never verified
            here.
    """
    current = switch.committed(layout)
    name = wanted or releases.before(layout, current)
    if name is None:
        raise HostFailure(
            f"there is no verified release before {current or 'the first deploy'}",
            "name one with --release (`invoke status` lists them), or deploy",
        )
    release = releases.get(layout, name)
    if release.failed:
        raise HostFailure(
            f"release {name} failed here and is kept as evidence only",
            "name a release that was verified (`invoke status` lists them)",
        )
    if name not in releases.verified(layout):
        raise HostFailure(
            f"release {name} was never verified on this host",
            "name a release that was (`invoke status` lists them), or deploy this one",
        )
    return name


def check_schema(layout: Layout, name: str) -> None:
    """Refuse a release that does not know the schema of the database.

    Raises:
        HostFailure: with what there is to do about it.
    """
    problem = schema.objection(layout, name)
    if problem:
        raise HostFailure(
            problem,
            "take the schema back first, with the code that knows it (invoke shell runs its "
            "downgrade), then roll back with --force: the history keeps naming the newer schema "
            "until the next deploy. Or go to a release that knows it, or, where the older code "
            "works with the newer schema, with --force alone",
        )


def destination(layout: Layout, wanted: str | None, *, with_current_env: bool) -> dict[str, Any]:
    """Return ``rollback_to``, whose code it gets (``rollback_base``), and if it ``is_live``."""
    base = target(layout, wanted)
    name = current_env.name(layout, base) if with_current_env else base
    is_live = name == switch.committed(layout)
    return {"rollback_to": name, "rollback_base": base, "is_live": is_live}
