"""Audit: what on this host is not as it was shipped.

Nothing waits for an audit and it holds no lock: where a deploy is under way, it looks again, and
leaves out what the deploy is changing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from . import audit_links, differing, journal, lease, releases, seal, sealing, venvs
from .differing import Difference
from .layout import SLOTS, Layout

# How often a host is looked at that changes meanwhile.
LOOKS = 3
UNIT_FOLDERS = (
    "etc/systemd/system", "etc/systemd/system.control",
    "run/systemd/system", "run/systemd/system.control",
)  # fmt: skip


def audit(layout: Layout) -> dict[str, Any]:
    """Return the differences of an app's files, links, units, site and environments.

    Returns:
        ``differences``, each as `Difference.as_result` has it, the same as ``lines`` for people,
        and whether a deploy is ``under_way``, so that the links were left out.
    """
    for _ in range(LOOKS):
        before = _moment(layout)
        found = _differences(layout)
        if not found or _moment(layout) == before:
            break
    told = sorted(found, key=lambda one: (one.path, one.what))
    return {
        "app": layout.app,
        "under_way": _under_way(layout),
        "differences": [one.as_result() for one in told],
        "lines": [one.describe() for one in told],
    }


def _moment(layout: Layout) -> tuple[Any, ...]:
    """Return what changes with every step of a deploy and of the host's own timers."""
    files = layout.journal, layout.history, layout.live
    folders = layout.releases, layout.venvs
    return (
        *(path.lstat().st_mtime_ns if path.is_symlink() or path.exists() else 0 for path in files),
        *(sorted(path.name for path in folder.glob("*")) for folder in folders),
    )


def _under_way(layout: Layout) -> bool:
    held = lease.read(layout)
    return journal.running(layout) is not None or bool(held and not held.is_over)


def _differences(layout: Layout) -> set[Difference]:
    try:
        key = layout.audit_key.read_bytes()
    except FileNotFoundError:
        # Without it no seal can be read, and each of them would be listed.
        return {Difference.missing(layout.audit_key, "seal")}
    found = {*_provisioned(layout, key), *_folders(layout, key), *_extra_units(layout)}
    if not _under_way(layout):
        found |= set(audit_links.differences(layout, key))
    return found


def _provisioned(layout: Layout, key: bytes) -> Iterator[Difference]:
    for sealed_in, paths in sealing.of_provision(layout).items():
        yield from _against(sealed_in, layout.root, paths, key, _kind)


def _kind(path: str) -> str:
    if path.startswith("etc/systemd/"):
        return "unit"
    return "site" if path.startswith("etc/nginx/") else "file"


def _folders(layout: Layout, key: bytes) -> Iterator[Difference]:
    for folder in _named(layout.releases):
        if not (folder / releases.MANIFEST).exists() and not (folder / seal.FILE).exists():
            yield Difference.added(folder, "file")
            continue
        yield from _whole(folder, sealing.UNSEALED, key, _kind_in_release)
    for folder in _named(layout.venvs):
        if not (folder / venvs.MARKER).exists() and not (folder / seal.FILE).exists():
            # Begun by a deploy that is under way or was killed; the next one removes it.
            continue
        yield from _whole(folder, venvs.UNSEALED, key, lambda _path: "package")


def _named(folder: Path) -> list[Path]:
    """Return what is in a folder; what begins with a dot is half-made, and the next call's."""
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


def _whole(
    folder: Path, unsealed: tuple[str, ...], key: bytes, kind: Callable[[str], str]
) -> list[Difference]:
    paths = seal.below(folder, unsealed)
    found = list(_against(folder / seal.FILE, folder, paths, key, kind))
    # What was pruned meanwhile is no difference.
    return found if folder.exists() else []


def _kind_in_release(path: str) -> str:
    first = path.partition("/")[0]
    return {"env": "env", "config": "config", "unit.conf": "unit"}.get(first, "file")


def _against(
    sealed_in: Path,
    folder: Path,
    paths: Iterable[str],
    key: bytes,
    kind: Callable[[str], str],
) -> Iterator[Difference]:
    """Compare a seal with what is now at these paths and at those that it names."""
    try:
        sealed = seal.read(sealed_in, key)
    except FileNotFoundError:
        yield Difference.missing(sealed_in, "seal")
        return
    except seal.BrokenSeal:
        yield Difference.changed(sealed_in, "seal")
        return
    there = seal.look_again(folder, {*paths, *sealed.entries}, sealed.entries, key)
    yield from differing.differences(folder, sealed, there, kind)


def _extra_units(layout: Layout) -> Iterator[Difference]:
    """Yield the units and drop-ins of the app that are not Turnout's: systemd heeds them all."""
    ours = {layout.root / "etc/systemd/system" / name for name in sealing.units_of(layout.app)}
    ours |= {layout.drop_in(slot) for slot in SLOTS}
    for folder in UNIT_FOLDERS:
        for name in (f"{layout.app}@*", f"{layout.app}.*"):
            for path in (layout.root / folder).glob(name):
                inside = path.glob("*") if path.is_dir() and not path.is_symlink() else [path]
                yield from (Difference.added(one, "unit") for one in inside if one not in ours)
