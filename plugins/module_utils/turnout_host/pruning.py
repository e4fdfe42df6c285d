"""Pruning: releases that nobody goes back to, and environments and wheels that nothing uses."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import artifact, journal, releases
from .atomic import remove_leftovers, remove_tree
from .layout import Layout
from .releases import Release

# What st_blocks counts, whatever the file system's own blocks are (stat(2)).
BLOCK_BYTES = 512
UNUSED_WHEEL_SECONDS = 7 * 24 * 3600

# The bytes of each file by device and inode: releases may share files.
Files = dict[tuple[int, int], int]


def prune(layout: Layout, keep: int, limit_bytes: int = 0) -> list[str]:
    """Remove old releases and the virtual environments that nothing uses; return the releases.

    The newest ``keep`` verified ones stay, as far as they take less than ``limit_bytes`` with
    their environments. Whatever they take there stay: what is in a slot, live or warm; the newest
    verified one and the one a rollback goes to; the one of the latest deploy; and of those that
    failed, which never count as kept, the last as evidence.

    Args:
        limit_bytes: 0 for no limit.
    """
    everything = {
        name: found for name in releases.names(layout) if (found := releases.find(layout, name))
    }
    good, protected = releases.verified(layout), _protected(layout, everything.values())
    kept = protected | set(good[-max(1, keep) :])
    if limit_bytes:
        spare = [name for name in good if name in kept - protected]
        kept = _within(layout, everything, kept, spare, limit_bytes)
    _remove(layout, set(everything) - kept, {everything[name].venv for name in kept})
    return sorted(set(everything) - kept)


def _protected(layout: Layout, everything: Iterable[Release]) -> set[str]:
    failed = [release.name for release in everything if release.failed]
    last = {*releases.verified(layout)[-1:], releases.before(layout, releases.live(layout))}
    # The next try of a deploy that has failed elsewhere finds it here.
    begun = journal.last(layout, "begin")
    last |= {begun["release"] if begun else None}
    named = {*releases.in_slots(layout), *_newest(layout, failed), *last}
    return {name for name in named if name and releases.find(layout, name)}


def _newest(layout: Layout, names: list[str]) -> list[str]:
    history = journal.read_lines(layout.history)
    last = {entry.get("release"): number for number, entry in enumerate(history)}
    return sorted(names, key=lambda name: last.get(name, -1))[-1:]


def _within(
    layout: Layout,
    everything: dict[str, Release],
    kept: set[str],
    spare: list[str],
    limit_bytes: int,
) -> set[str]:
    """Return what of ``kept`` fits, given up in the order of ``spare``."""
    files = {name: _files(layout.release(name)) for name in kept}
    venvs = {everything[name].venv for name in kept}
    in_venv = {venv: _files(layout.venv(venv)) for venv in venvs}

    def size(names: set[str]) -> int:
        counted: Files = {}
        for name in names:
            counted |= files[name] | in_venv[everything[name].venv]
        return sum(counted.values())

    left = set(kept)
    for name in spare:
        if size(left) <= limit_bytes:
            break
        left.discard(name)
    return left


def _files(folder: Path) -> Files:
    found: Files = {}
    for where, _folders, names in os.walk(folder):
        for path in (where, *(os.path.join(where, name) for name in names)):  # noqa: PTH118
            facts = os.lstat(path)
            found[facts.st_dev, facts.st_ino] = facts.st_blocks * BLOCK_BYTES
    return found


def _remove(layout: Layout, doomed: set[str], used: set[str]) -> None:
    for name in sorted(doomed):
        remove_tree(layout.release(name))
    remove_leftovers(layout.releases)
    remove_leftovers(layout.venvs)
    for venv in layout.venvs.iterdir():
        if venv.name not in used:
            remove_tree(venv)
    _remove_wheels(layout)


def _remove_wheels(layout: Layout) -> None:
    """Remove wheels that no release of any app on the host names, a while after they came.

    Not at once: a deploy that is between its preflight and its stage counts on them.
    """
    try:
        used = set(_named_wheels(layout))
    except (OSError, ValueError, KeyError, TypeError):
        return  # a release that cannot be read may need any of them
    for kept in layout.wheels.glob("[!.]*"):
        # Another app on the host may be removing it as well.
        with contextlib.suppress(FileNotFoundError):
            if kept.name not in used and time.time() - kept.stat().st_mtime > UNUSED_WHEEL_SECONDS:
                _remove_wheel(kept)


def _remove_wheel(kept: Path) -> None:
    if kept.is_dir():
        shutil.rmtree(kept)
    else:  # older programs kept them by file name, and promote takes them from there
        kept.unlink()


def _named_wheels(layout: Layout) -> Iterator[str]:
    everywhere = f"*/releases/*/{artifact.FOLDER}/{artifact.MANIFEST}"
    for manifest in layout.base.parent.glob(everywhere):
        for wheel_set in json.loads(manifest.read_text(encoding="utf-8"))["targets"]:
            for wheel in wheel_set["wheels"]:
                yield from (wheel["sha256"], wheel["file"])
