"""A virtual environment on the controller, for the commands that a team runs before a deploy."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import tools
from .errors import BuildError
from .files import digest, temporary_folder, write_bytes
from .resolve import origin, words
from .spec import AppSpec

# Written last: a virtual environment without it is what a killed build has left.
_MARKER = ".complete"


def environment_key(spec: AppSpec, files: tuple[Path, ...]) -> str:
    """Name what an environment holds and the Python it is for."""
    texts = [file.read_text() if file.exists() else "" for file in files]
    running = [spec.python, platform.python_version(), platform.machine(), sys.prefix]
    return digest(1, texts, spec.requirement_lines, running)[:16]


def ensure_environment(
    spec: AppSpec, files: tuple[Path, ...], cache: Path, progress: Callable[[str], None]
) -> Path:
    """Return a virtual environment with the app's packages and those of ``files``.

    It is made at its final path, since virtual environments are not relocatable.
    The caller holds the cache's lock.

    Raises:
        BuildError: the packages do not install on the controller.
    """
    key = environment_key(spec, files)
    path = cache / f"apptests-{key}"
    if (path / _MARKER).exists():
        return path
    progress("Preparing a virtual environment for the app's own commands")
    shutil.rmtree(path, ignore_errors=True)
    _uv(spec, ["venv", "--quiet", "--python", spec.python or sys.executable, str(path)])
    with temporary_folder() as folder:
        packages = folder / "app_packages.in"
        packages.write_text("".join(f"{line}\n" for line in spec.requirement_lines))
        sources = [part for file in (*files, packages) for part in ("--requirement", str(file))]
        _uv(spec, ["pip", "install", "--python", str(path / "bin/python"), *sources])
    if environment_key(spec, files) != key:
        raise BuildError(
            "The app's requirements changed while they were installed",
            f"{origin(spec)} or those of its tests are not what they were a moment ago",
            "build again",
        )
    write_bytes(path / _MARKER, b"")
    return path


def run_in(
    environment: Path,
    command: str,
    *,
    folder: Path,
    extra: dict[str, str],
    timeout: float,
) -> tools.Finished:
    """Run a shell command in a folder, the environment's programs first on PATH.

    Args:
        timeout: seconds after which the command and all it started is killed.
    """
    path = f"{environment / 'bin'}:{tools.environment().get('PATH', '/usr/bin:/bin')}"
    env = {"PATH": path, "VIRTUAL_ENV": str(environment), **extra}
    return tools.run_long(
        ["sh", "-ec", command], on_line=lambda _: None, timeout=timeout, cwd=folder, env=env
    )


def _uv(spec: AppSpec, arguments: list[str]) -> None:
    done = tools.run([tools.uv(), *arguments], cwd=spec.source)
    if done.code:
        raise BuildError(
            "The app's packages do not install on this machine, where its own commands run",
            f"{origin(spec)}: uv says: {words(done.errors)}",
            f"correct {origin(spec)}, or leave app_test_command and app_build_command empty",
        )
