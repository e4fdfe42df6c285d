"""Virtual environments: third-party wheels only, one for each lock and Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import units
from .atomic import remove_tree, write_file
from .errors import HostFailure
from .layout import Layout

# Written last: a virtual environment without it is a leftover of a killed deploy.
MARKER = ".complete"


def is_complete(layout: Layout, key: str) -> bool:
    """Say whether the virtual environment is there and whole."""
    return (layout.venv(key) / MARKER).exists()


def ensure(layout: Layout, key: str, lock: str, run: units.Run = units.run) -> bool:
    """Make the virtual environment ``key`` from local wheels; say whether it had to be made.

    It is built at its final path, since virtual environments are not
    relocatable. The caller holds the app's lock.

    Args:
        key: names it: lock, Python, machine and C library.
        lock: requirements with hashes, one wheel each.

    Raises:
        HostFailure: if the wheels do not install; nothing half-made stays.
    """
    if is_complete(layout, key):
        return False
    path = layout.venv(key)
    remove_tree(path)
    try:
        _create(path, run)
        _install(layout, path, lock, run)
    except BaseException:
        remove_tree(path)
        raise
    # Or a power cut could leave the marker and lose what it stands for.
    os.sync()
    write_file(path / MARKER, b"")
    return True


def _create(path: Path, run: units.Run) -> None:
    created = run([sys.executable, "-m", "venv", str(path)], check=False, timeout=300)
    if created.returncode:
        raise HostFailure(
            f"python -m venv failed with exit code {created.returncode}",
            "provision the host again (python3-venv must be installed)",
            created.stdout,
        )


def _install(layout: Layout, path: Path, lock: str, run: units.Run) -> None:
    if not lock.strip():
        return
    requirements = path / "requirements.txt"
    write_file(requirements, lock.encode())
    argv = [
        str(path / "bin/python"), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
        "--find-links", str(layout.wheels), "--require-hashes", "--only-binary=:all:",
        "--disable-pip-version-check", "--no-cache-dir", "--requirement", str(requirements),
    ]  # fmt: skip
    installed = run(argv, check=False, timeout=1800)
    if installed.returncode:
        raise HostFailure(
            "pip could not install the wheels that were shipped",
            "read pip's explanation; if a wheel is damaged, deploy again",
            installed.stdout,
        )


def python(layout: Layout, key: str) -> Path:
    """Return the virtual environment's Python."""
    return layout.venv(key) / "bin/python"


def site_packages(layout: Layout, key: str) -> Path:
    """Return where the virtual environment keeps its packages."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return layout.venv(key) / "lib" / minor / "site-packages"
