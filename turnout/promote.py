"""From one environment to the next: the very bytes that the first one has verified."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from turnout import local, ssh, status
from turnout.deploy import deploy
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.inventory import load
from turnout.paths import WORK, use_library
from turnout.reach import HostError

WHEELS = "/var/lib/turnout/wheels"


def promote(origin: str, target: str, *, check: bool = False) -> None:
    """Deploy to ``target`` what is live and verified in ``origin``; nothing is built anew.

    Args:
        origin: the environment that has verified it.
        target: the environment that gets it, with its own configuration.
        check: show what would change and change nothing.

    Raises:
        TurnoutError: there is no one verified artifact in ``origin``, or the deploy failed.
    """
    environment = load(origin)
    local.ready(target)
    entry = _verified(origin, status.ask(environment))
    artifact = str(entry["artifact"])
    _have(environment, artifact, str(entry["release"]))
    print(f"Promoting {artifact} from {origin} to {target}", flush=True)
    deploy(target, check=check, tests=False, artifact=artifact)


def _verified(env: str, hosts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a host's entry, once all of them say the same of a verified release."""
    for host in hosts:
        if "error" in host:
            raise TurnoutError(f"{host['host']}: {host['error']}", host["why"], host["next_step"])
    if len({host["artifact"] for host in hosts}) > 1:
        raise TurnoutError(
            f"The hosts of {env} run different artifacts, so none of them is the one to promote.",
            next_step=f"invoke deploy --env {env} makes the fleet whole",
        )
    first = hosts[0]
    if not first["artifact"] or not all(host["verified"] for host in hosts):
        raise TurnoutError(
            f"Nothing that {env} has verified is live there.",
            next_step=f"invoke deploy --env {env} first",
        )
    return first


def _have(environment: Environment, name: str, release: str) -> None:
    """Make the artifact be on this machine as the hosts have it, with the signature they accepted.

    The manifest and its signature always come from there: what lies here under that name may be
    signed with another environment's key. The archive is fetched only where it is not here.
    """
    use_library()
    from turnout_build import BuildError, load
    from turnout_build.artifact import is_name
    from turnout_build.files import locked

    if not is_name(name):  # it becomes a path
        raise _unsound(environment, name)
    folder = f"/srv/{environment.app}/releases/{release}/artifact"
    with locked(WORK / "cache/lock", lambda: print("Waiting for a build to end", flush=True)):
        manifest = _fetch(environment, folder, name)
        for wheel in (wheel for target in manifest["targets"] for wheel in target["wheels"]):
            _fetch_wheel(environment.hosts, wheel)
        try:
            load(name, WORK)
        except BuildError as error:
            raise TurnoutError(f"{error.what}.", error.why, "build and deploy it anew") from error


def _fetch(environment: Environment, folder: str, name: str) -> dict[str, Any]:
    """Fetch what of the artifact is not here; return its manifest."""
    from turnout_build.artifact import ARCHIVE, MANIFEST, read_manifest
    from turnout_build.files import file_digest, new_folder
    from turnout_build.signing import SIGNATURE

    host, path = environment.hosts[0], WORK / "artifacts" / name
    with new_folder(path) as received:
        there = ssh.output(host, ["ls", folder]).split()
        for file in (MANIFEST, *({SIGNATURE} & {*there})):
            ssh.fetch(host, f"{folder}/{file}", received / file)
        manifest = read_manifest(received, name)
        if manifest is None:
            raise _unsound(environment, name)
        here = path / ARCHIVE
        if here.exists() and file_digest(here) == manifest["archive"]["sha256"]:
            shutil.copyfile(here, received / ARCHIVE)
        else:
            print(f"Fetching {name} from {environment.name}", flush=True)
            ssh.fetch(host, f"{folder}/{ARCHIVE}", received / ARCHIVE)
    return manifest


def _unsound(environment: Environment, name: str) -> TurnoutError:
    return TurnoutError(
        f"What {environment.name} has live is no artifact that could be promoted: {name!r}",
        "its name or its manifest is none that a build has made",
        f"look at that host; invoke deploy --env {environment.name} makes its artifact anew",
    )


def _is_fetched(host: Host, wheel: dict[str, Any], file: Path) -> bool:
    """Fetch a wheel from a host, also from where older programs kept it; say whether it has one."""
    for name in (f"{wheel['sha256']}/{file.name}", file.name):
        with contextlib.suppress(HostError):
            ssh.fetch(host, f"{WHEELS}/{name}", file)
            return True
    return False


def _fetch_wheel(hosts: list[Host], wheel: dict[str, Any]) -> None:
    """Fetch a wheel from the first host that has it: each kind of host has its own."""
    from turnout_build.files import file_digest, new_folder

    folder = WORK / "wheels" / str(wheel["sha256"])
    if folder.exists():
        return
    with new_folder(folder) as received:
        file = received / str(wheel["file"])
        for host in hosts:
            if _is_fetched(host, wheel, file):
                break
        if not file.exists() or file_digest(file) != wheel["sha256"]:
            raise TurnoutError(
                f"{file.name} of the hosts is not the wheel that the artifact names.",
                next_step="deploy to them anew: a damaged wheel is then replaced",
            )
