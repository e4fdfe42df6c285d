"""What is sealed on a host, and when: releases and virtual environments as they are made, the rest
at the end of a provision."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import artifact, releases, seal
from .layout import SLOTS, Layout
from .units import UNPACKED

# What of a release is written after it was made.
UNSEALED = (seal.FILE, releases.FAILED)


def seal_release(layout: Layout, folder: Path) -> None:
    """Seal a release that is whole and still aside.

    What its artifact's manifest names was checked against it as it was unpacked, so the seal takes
    these hashes from there.
    """
    paths = seal.below(folder, UNSEALED)
    seal.write(layout, folder / seal.FILE, seal.take(layout, folder, paths, _hashes(folder)))


def _hashes(folder: Path) -> dict[str, str]:
    try:
        manifest: dict[str, Any] = json.loads(
            (folder / artifact.FOLDER / artifact.MANIFEST).read_text(encoding="utf-8")
        )
    except FileNotFoundError:
        return {}
    files = {f"code/{path}": facts for path, facts in manifest["files"].items()}
    files[f"{artifact.FOLDER}/{artifact.ARCHIVE}"] = manifest["archive"]
    return {path: facts["sha256"] for path, facts in files.items() if "sha256" in facts}


def seal_provision(layout: Layout, *, check: bool = False) -> bool:
    """Seal what provision has made; say whether anything differs from the last time.

    Args:
        check: change nothing.
    """
    if check:
        return any(_differs(layout, path, paths) for path, paths in of_provision(layout).items())
    written = [
        seal.write(layout, path, seal.take(layout, layout.root, paths))
        for path, paths in of_provision(layout).items()
    ]
    return any(written)


def of_provision(layout: Layout) -> dict[Path, list[str]]:
    """Return the seals of what provision makes, each with the paths that are in it."""
    return {layout.app_seal: of_the_app(layout), layout.host_seal: of_the_host(layout)}


def _differs(layout: Layout, path: Path, paths: Iterable[str]) -> bool:
    try:
        key = layout.audit_key.read_bytes()
        sealed = seal.read(path, key).entries
    except (FileNotFoundError, seal.BrokenSeal):
        return True
    return seal.look_again(layout.root, paths, sealed, key) != sealed


def of_the_app(layout: Layout) -> list[str]:
    """Return the paths that provision makes for one app, below the root."""
    app, wants = layout.app, "etc/systemd/system/{}.target.wants/{}"
    folders = layout.base, layout.releases, layout.venvs, layout.slots, layout.splits
    files = layout.settings, layout.allowed_signers
    return [
        *(str(path.relative_to(layout.root)) for path in (*folders, *files)),
        *(f"etc/systemd/system/{name}" for name in units_of(app)),
        *(wants.format("sockets", layout.socket_unit(slot)) for slot in SLOTS),
        wants.format("multi-user", f"{app}.service"),
        f"etc/nginx/conf.d/{app}.conf",
    ]


def units_of(app: str) -> tuple[str, ...]:
    """Return the units that provision describes."""
    return f"{app}@.service", f"{app}@.socket", f"{app}.service"


def of_the_host(layout: Layout) -> list[str]:
    """Return the paths that all apps of a host share, below the root.

    Of nginx's configuration that is everything but the apps' own sites: any file there may change
    what a site does.
    """
    return [
        "usr/local/lib/turnout",
        "usr/local/lib/turnout/host.pyz",
        "usr/local/lib/turnout/uv",
        "etc/turnout",
        "var/lib/turnout",
        "var/lib/turnout/wheels",
        "etc/nginx/nginx.conf",
        "etc/systemd/system/multi-user.target.wants/nginx.service",
        *_unpacked_program(layout),
        *sorted(_shared_sites(layout)),
    ]


def _unpacked_program(layout: Layout) -> list[str]:
    folder = layout.root / "usr/local/lib/turnout"
    return sorted(str(path.relative_to(layout.root)) for path in folder.glob(f"{UNPACKED}*/**/*"))


def _shared_sites(layout: Layout) -> Iterator[str]:
    for folder in ("etc/nginx/conf.d", "etc/nginx/sites-enabled"):
        for path in (layout.root / folder).glob("*"):
            owner = layout.settings.with_name(f"{path.stem}.json")
            if not (folder.endswith("conf.d") and owner.exists()):
                yield f"{folder}/{path.name}"
