"""Says that there is nothing to deploy, in the time of a `status`: before Ansible starts."""

from __future__ import annotations

from typing import Any

from turnout import status
from turnout.build import expected_release
from turnout.environment import Environment
from turnout.paths import CACHE


def live_already(environment: Environment, *, dirty: bool = False) -> list[dict[str, Any]] | None:
    """Return what `status` says of the hosts where all of them run what a deploy would make.

    Only a release that this machine has deployed last is asked for, so that a deploy of
    something new loses no time here.

    Args:
        environment: where.
        dirty: allow changes that are not committed.

    Returns:
        None where there is something to deploy, or only a deploy can tell.
    """
    release = expected_release(environment, dirty=dirty)
    if release is None or release != _last(environment.name):
        return None
    hosts = status.ask(environment)
    return hosts if all(_is_live(host, release) for host in hosts) else None


def remember(env: str, hosts: list[dict[str, Any]]) -> None:
    """Keep what a deploy to ``env`` has made live."""
    live = {str(host.get("release")) for host in hosts}
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / f"live-{env}").write_text(live.pop() if len(live) == 1 else "")


def _last(env: str) -> str:
    file = CACHE / f"live-{env}"
    return file.read_text() if file.exists() else ""


def _is_live(host: dict[str, Any], release: str) -> bool:
    """Say whether the host runs the release for good, and gives it all the traffic."""
    live = host.get("live")
    return bool(
        live
        # What somebody is changing, or has died in the middle of, may go back yet.
        and not host.get("lease")
        and host["release"] == release
        and host["split"][live] == 100
        and host["slots"][live]["state"] == "live"
    )
