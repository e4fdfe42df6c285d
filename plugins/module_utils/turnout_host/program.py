"""The host library as one file: the program that provision installs on a host."""

from __future__ import annotations

import compileall
import hashlib
import io
import os
import py_compile
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from .atomic import remove_tree

PACKAGE = "turnout_host"
# Python keeps no bytecode of what it imports from a zip file, and would read the source anew with
# each call: a tenth of a second. So provision unpacks the file beside itself.
MAIN = f"""\
import hashlib
import sys
from pathlib import Path

program = Path(sys.argv[0])
unpacked = program.with_name("host-" + hashlib.sha256(program.read_bytes()).hexdigest()[:16])
if unpacked.is_dir():
    sys.path.insert(0, str(unpacked))
if sys.argv[1:] == ["call"]:  # every phase comes this way: it does without the other verbs
    from {PACKAGE}.answering import answer as main
else:
    from {PACKAGE}.cli import main

sys.exit(main())
"""
# Beside the newest, the one whose timers may still run.
KEPT = 2
# A zip entry's time is part of the bytes: fixed, or each build would differ.
EPOCH = (1980, 1, 1, 0, 0, 0)


def build() -> bytes:
    """Return the host program: the same bytes for the same source, whatever the zlib.

    It collects the package this very module belongs to, from a folder or from
    the zip file in which Ansible sends it.
    """
    stream = io.BytesIO()
    stream.write(b"#!/usr/bin/python3\n")
    with zipfile.ZipFile(stream, "a") as archive:
        _add(archive, "__main__.py", MAIN)
        for source in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
            if source.name.endswith(".py"):
                _add(archive, f"{PACKAGE}/{source.name}", source.read_text())
    return stream.getvalue()


@cache
def sha256() -> str:
    """Return what the host program of this version hashes to."""
    return hashlib.sha256(build()).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), text)


def unpacked(path: Path) -> Path:
    """Return the folder that the program at ``path`` runs from, where it is there."""
    return path.with_name(f"host-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}")


def is_unpacked(path: Path) -> bool:
    """Say whether the program at ``path`` lies unpacked beside it, file by file."""
    folder = unpacked(path)
    if not folder.is_dir():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name != "__main__.py"]
            return all((folder / name).read_bytes() == archive.read(name) for name in names)
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
    (aside / "__main__.py").unlink()
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(aside, quiet=2, invalidation_mode=unchecked)
    os.sync()  # or a power cut leaves a whole folder of empty files, from which everything runs
    remove_tree(folder)
    aside.rename(folder)
    older = sorted(path.parent.glob("host-*"), key=lambda one: one.stat().st_mtime)
    for one in older[:-KEPT]:
        remove_tree(one)
    return True
