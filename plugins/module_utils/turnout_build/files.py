"""Writing in such a way that a killed build leaves nothing half-made to the next one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What begins so is being made, or was left by a build that was killed.
UNFINISHED = ".unfinished-"


def digest(*parts: object) -> str:
    """Return one SHA-256 over values, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Return what a file holds, or None where there is none (or no JSON)."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and only return when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: another process may be writing the same.
    handle, aside = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(handle, 0o644)
        os.fsync(handle)
    Path(aside).replace(path)
    _sync(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON that people can read and that is always the same."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    aside.chmod(0o755)
    try:
        yield aside
        for file in aside.iterdir():
            _sync(file)
        if path.exists():
            shutil.rmtree(path)
        aside.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder outside every repository, so that no settings file above it is found."""
    with tempfile.TemporaryDirectory(prefix="turnout-build-") as name:
        yield Path(name).resolve()


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the kernel's lock on a file; it ends with the process, however that ends.

    Args:
        waiting: called once when somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_unfinished(*folders: Path) -> None:
    """Remove what a killed build left; only for the holder of the lock."""
    for path in (path for folder in folders for path in folder.glob(f"{UNFINISHED}*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sync(path: Path) -> None:
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
