"""The host library as one file: the program that provision installs on a host."""

from __future__ import annotations

import io
import zipfile
from importlib.resources import files

from . import cli

PACKAGE = "turnout_host"
# Imported so that Ansible, which bundles by imports, bundles everything the program needs.
__all__ = ["build", "cli"]
MAIN = f"import sys\nfrom {PACKAGE}.cli import main\nsys.exit(main())\n"
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


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), text)
