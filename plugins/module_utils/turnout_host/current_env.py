"""An earlier release with today's environment: for credentials that are no good any more."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from . import releases, sealing, switch
from .atomic import remove_tree, sync_folder, write_file
from .layout import Layout

# What of a release is its configuration.
ENV, CONFIG = "env", "config"


def name(layout: Layout, base: str) -> str:
    """Return the name of ``base``'s artifact with the configuration of what is live.

    It is the name that a deploy of that artifact would give it now.
    """
    live = switch.committed(layout)
    if live is None:
        return base
    return f"{_parts(layout, base)[0]}{_parts(layout, live)[1]}"


def _parts(layout: Layout, release: str) -> tuple[str, str]:
    """Return the artifact's name, and what the release's name adds to it."""
    artifact = str(releases.get(layout, release).manifest.get("artifact") or release)
    return artifact, release.removeprefix(artifact)


def make(layout: Layout, wanted: str, base: str) -> bool:
    """Make ``wanted`` out of ``base``'s code and the live release's environment.

    Code is shared by hard links, as nobody writes a release; env file and configuration files are
    copied with their owners and modes. What is there already is left as it is.
    """
    live = switch.committed(layout)
    if live is None or releases.find(layout, wanted):
        return False
    aside = layout.releases / f".{wanted}.new"
    remove_tree(aside)
    umask = os.umask(0o022)
    try:
        shutil.copytree(layout.release(base), aside, symlinks=True, copy_function=_link)
        (aside / releases.FAILED).unlink(missing_ok=True)
        _configure(layout, aside, wanted, live)
        _name(aside, wanted)
        sealing.seal_release(layout, aside)
        os.sync()
        aside.rename(layout.release(wanted))
        sync_folder(layout.releases)
    except BaseException:
        remove_tree(aside)
        raise
    finally:
        os.umask(umask)
    return True


def _link(source: str, destination: str) -> None:
    os.link(source, destination, follow_symlinks=False)


def _configure(layout: Layout, aside: Path, wanted: str, live: str) -> None:
    origin = layout.release(live)
    shutil.rmtree(aside / CONFIG, ignore_errors=True)
    (aside / CONFIG).mkdir()
    for path in [origin / ENV, *sorted((origin / CONFIG).rglob("*"))]:
        copied = aside / path.relative_to(origin)
        if path.is_dir():
            copied.mkdir()
            continue
        facts = path.stat()
        # Paths to the release in it are the live one's.
        content = path.read_bytes().replace(live.encode(), wanted.encode())
        write_file(copied, content, mode=facts.st_mode & 0o7777)
        os.chown(copied, facts.st_uid, facts.st_gid)


def _name(aside: Path, wanted: str) -> None:
    staged = json.loads((aside / releases.MANIFEST).read_text())
    manifest = {**staged, "release": wanted}
    # A release from before decision 25 is named there, and by nothing else of it.
    unit = (aside / "unit.conf").read_text().replace(staged["release"], wanted)
    write_file(aside / "unit.conf", unit.encode())
    write_file(aside / releases.MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
