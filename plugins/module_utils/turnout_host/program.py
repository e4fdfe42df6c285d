"""The host library as one file: the program that provision installs on a host."""

from __future__ import annotations

import compileall
import hashlib
import io
import os
import py_compile
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from .atomic import remove_tree
from .units import UNPACKED

PACKAGE = "turnout_host"
# Python keeps no bytecode of what it imports from a zip file, and would read the source anew with
# each call: a tenth of a second. So provision unpacks the file beside itself.
MAIN = f"""\
import os
import sys

unpacked = os.path.join(os.path.dirname(sys.argv[0]), "{UNPACKED}@VERSION@")
if os.path.isdir(unpacked):
    sys.path.insert(0, unpacked)
if sys.argv[1:] == ["call"]:  # every phase comes this way: it does without the other verbs
    from {PACKAGE}.answering import answer as main
else:
    from {PACKAGE}.cli import main

sys.exit(main())
"""
MAIN_FILE = "__main__.py"
# Beside the newest, the one whose timers may still run.
KEPT = 2
# A zip entry's time is part of the bytes: fixed, or each build would differ.
EPOCH = (1980, 1, 1, 0, 0, 0)


def build() -> bytes:
    """Return the host program: the same bytes for the same source, whatever the zlib.

    It collects the package this very module belongs to, from a folder or from
    the zip file in which Ansible sends it.
    """
    sources, stream = _sources(), io.BytesIO()
    stream.write(b"#!/usr/bin/python3\n")
    with zipfile.ZipFile(stream, "a") as archive:
        _add(archive, MAIN_FILE, MAIN.replace("@VERSION@", _digest(sources)))
        for name, source in sources.items():
            _add(archive, name, source)
    return stream.getvalue()


@cache
def version() -> str:
    """Return the name of this version of the program: it follows from its source alone."""
    return _digest(_sources())


def _sources() -> dict[str, bytes]:
    entries = sorted(files(__package__).iterdir(), key=lambda entry: entry.name)
    return {f"{PACKAGE}/{one.name}": one.read_bytes() for one in entries if one.name[-3:] == ".py"}


def _digest(sources: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, source in sources.items():
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return digest.hexdigest()[:16]


def _add(archive: zipfile.ZipFile, name: str, content: bytes | str) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), content)


def unpacked(path: Path) -> Path:
    """Return the folder that the program at ``path`` runs from, where it is there."""
    return path.with_name(f"{UNPACKED}{_digest(_members(path))}")


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MAIN_FILE}


def is_unpacked(path: Path) -> bool:
    """Say whether the program at ``path`` lies unpacked beside it, file by file."""
    folder = unpacked(path)
    try:
        return folder.is_dir() and all(
            (folder / name).read_bytes() == content for name, content in _members(path).items()
        )
    except OSError:
        return False


def unpack(path: Path) -> bool:
    """Unpack the program at ``path`` beside itself, with bytecode for the Python that runs this.

    Returns:
        Whether it had to be done.
    """
    folder = unpacked(path)
    if is_unpacked(path):
        return False
    aside = folder.with_name(f".{folder.name}.new")
    remove_tree(aside)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(aside)
    (aside / MAIN_FILE).unlink()
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(aside, quiet=2, invalidation_mode=unchecked)
    os.sync()  # or a power cut leaves a whole folder of empty files, from which everything runs
    remove_tree(folder)
    aside.rename(folder)
    older = sorted(path.parent.glob(f"{UNPACKED}*"), key=lambda one: one.stat().st_mtime)
    for one in older[:-KEPT]:
        remove_tree(one)
    return True
