"""Virtual environments: third-party wheels only, one for each lock and Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import seal, units
from .artifact import Artifact
from .atomic import remove_tree, write_file
from .errors import HostFailure
from .layout import Layout

# Written last: a virtual environment without it is a leftover of a killed deploy.
MARKER = ".complete"
# Written after everything else of it was made.
UNSEALED = (seal.FILE, MARKER)
DEBIAN_WHEELS = "/usr/share/python-wheels"


def is_complete(layout: Layout, key: str) -> bool:
    """Say whether the virtual environment is there and whole."""
    return (layout.venv(key) / MARKER).exists()


def ensure(layout: Layout, artifact: Artifact, run: units.Run = units.run) -> bool:
    """Make an artifact's virtual environment from local wheels; say whether it had to be made.

    It is built at its final path, since virtual environments are not
    relocatable. The caller holds the app's lock.

    Raises:
        HostFailure: if the wheels do not install; nothing half-made stays.
    """
    if is_complete(layout, artifact.venv):
        return False
    path = layout.venv(artifact.venv)
    remove_tree(path)
    uv = layout.uv if _works(layout.uv, run) else None
    try:
        _create(path, uv, run)
        _install(layout, path, artifact, uv, run)
    except BaseException:
        remove_tree(path)
        raise
    seal.write(layout, path / seal.FILE, seal.take(layout, path, seal.below(path, UNSEALED)))
    # Or a power cut could leave the marker and lose what it stands for.
    os.sync()
    write_file(path / MARKER, b"")
    return True


def _works(uv: Path, run: units.Run) -> bool:
    """Say whether uv is there and runs here; pip does the same, several times slower."""
    return uv.exists() and run([str(uv), "--version"], check=False).returncode == 0


# Nothing of the host's own configuration, and nothing from a network.
_UV_ALONE = ("--quiet", "--offline", "--no-config", "--no-cache", "--no-python-downloads")


def _create(path: Path, uv: Path | None, run: units.Run) -> None:
    argv = [sys.executable, "-m", "venv", str(path)]
    if uv:
        argv = [str(uv), "venv", *_UV_ALONE, "--no-project", "--python", sys.executable, str(path)]
    created = run(argv, check=False, timeout=300)
    if created.returncode:
        raise HostFailure(
            f"`{argv[0]}` could not make a virtual environment (exit code {created.returncode})",
            "provision the host again (python3-venv must be installed)",
            created.stdout,
        )
    if uv and sys.version_info < (3, 12):
        _add_setuptools(path, uv, run)


def _add_setuptools(path: Path, uv: Path, run: units.Run) -> None:
    """Add what ``python -m venv`` adds up to Python 3.11: older packages import pkg_resources.

    Debian keeps its wheel for that very purpose; a lock that names setuptools replaces it.
    """
    argv = [str(uv), "pip", "install", *_UV_ALONE, "--no-index", "--find-links", DEBIAN_WHEELS]
    run([*argv, "--python", str(path / "bin/python"), "setuptools"], check=False, timeout=60)


def _install(
    layout: Layout, path: Path, artifact: Artifact, uv: Path | None, run: units.Run
) -> None:
    if not artifact.lock.strip():
        return
    requirements = path / "requirements.txt"
    write_file(requirements, artifact.lock.encode())
    python = str(path / "bin/python")
    found = (f"--find-links={layout.wheels / sha256}" for sha256 in artifact.wheels.values())
    shipped = ("--no-index", "--no-deps", *found, "--require-hashes")
    argv = [
        python, "-m", "pip", "install", "--quiet", "--only-binary=:all:",
        "--disable-pip-version-check", "--no-cache-dir",
    ]  # fmt: skip
    if uv:
        argv = [
            str(uv), "pip", "install", *_UV_ALONE, "--no-build", "--compile-bytecode",
            "--link-mode=copy", "--python", python,
        ]  # fmt: skip
    installed = run(
        [*argv, *shipped, "--requirement", str(requirements)], check=False, timeout=1800
    )
    if installed.returncode:
        raise HostFailure(
            f"{'uv' if uv else 'pip'} could not install the wheels that were shipped",
            "read its explanation; if a wheel is damaged, deploy again",
            installed.stdout,
        )


def python(layout: Layout, key: str) -> Path:
    """Return the virtual environment's Python."""
    return layout.venv(key) / "bin/python"


def site_packages(layout: Layout, key: str) -> Path:
    """Return where the virtual environment keeps its packages."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return layout.venv(key) / "lib" / minor / "site-packages"
