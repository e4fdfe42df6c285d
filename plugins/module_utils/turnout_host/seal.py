"""Seals: what files were like when they were shipped, so that an audit knows a later hand.

Digests are keyed with a secret of the host: an environment file is sealed like any other, and a
bare hash of it would tell whoever guesses the secret that the guess is right.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .atomic import write_file
from .layout import Layout

FILE = "seal.json"
_KEY_BYTES = 32
_CHUNK_BYTES = 2**20
_SHA256 = "sha256:"

# Of one path: what it is, its mode and owner, its digest, and where a link leads.
Facts = dict[str, str]
Entries = dict[str, Facts]


class Seal(NamedTuple):
    """What was sealed.

    Args:
        entries: by path, relative to the folder that was sealed.
        time: when, in Unix time.
    """

    entries: Entries
    time: float


class BrokenSeal(Exception):
    """The seal is not what was written on this host, or the host's key is another one."""


def make_key(layout: Layout) -> bytes:
    """Return the host's key; it is made on first use."""
    path = layout.audit_key
    if not path.exists():
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Two apps may be deployed at once, and what one has sealed must stay readable.
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not path.exists():
                write_file(path, os.urandom(_KEY_BYTES), mode=0o600)
        finally:
            os.close(handle)
    return path.read_bytes()


def below(folder: Path, but: Iterable[str] = ()) -> Iterator[str]:
    """Yield the relative path of everything below ``folder``, leaving out what ``but`` names."""
    left_out = set(but)
    for where, folders, files in os.walk(folder):
        inside = os.path.relpath(where, folder)
        for name in (*folders, *files):
            path = name if inside == "." else f"{inside}/{name}"
            if path not in left_out:
                yield path


def look(folder: Path, path: str, digest: Callable[[str], str]) -> Facts | None:
    """Return what a path in a folder is, links not followed, or None where nothing is."""
    where = f"{folder}/{path}"  # a Path for each of ten thousand files takes a second
    try:
        found = os.lstat(where)
        if stat.S_ISLNK(found.st_mode):
            return {"type": "link", "to": os.readlink(where)}  # noqa: PTH115
        facts = {"mode": f"{stat.S_IMODE(found.st_mode):04o}"}
        facts["owner"] = f"{found.st_uid}:{found.st_gid}"
        if stat.S_ISREG(found.st_mode):
            return {"type": "file", **facts, "digest": digest(path)}
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {"type": "folder" if stat.S_ISDIR(found.st_mode) else "special", **facts}


def take(
    layout: Layout, folder: Path, paths: Iterable[str], known: dict[str, str] | None = None
) -> Entries:
    """Return what paths are, for a seal.

    Args:
        known: SHA-256 of files that were checked a moment ago, and are not read once more.
    """
    key, hashes = make_key(layout), known or {}

    def digest(path: str) -> str:
        return _SHA256 + hashes[path] if path in hashes else keyed(f"{folder}/{path}", key)

    return _entries(folder, paths, digest)


def look_again(folder: Path, paths: Iterable[str], sealed: Entries, key: bytes) -> Entries:
    """Return what paths are now, each digest taken as the seal has it."""

    def digest(path: str) -> str:
        bare = sealed.get(path, {}).get("digest", "").startswith(_SHA256)
        where = f"{folder}/{path}"
        return _sha256(where) if bare else keyed(where, key)

    return _entries(folder, paths, digest)


def _entries(folder: Path, paths: Iterable[str], digest: Callable[[str], str]) -> Entries:
    found = ((path, look(folder, path, digest)) for path in sorted(set(paths)))
    return {path: facts for path, facts in found if facts}


def keyed(path: str, key: bytes) -> str:
    """Return a file's digest under the host's key."""
    return _digest(path, hashlib.blake2b(key=key, digest_size=20))


def _sha256(path: str) -> str:
    return _SHA256 + _digest(path, hashlib.sha256())


def _digest(path: str, hashed: Any) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while part := os.read(handle, _CHUNK_BYTES):
            hashed.update(part)
    finally:
        os.close(handle)
    return str(hashed.hexdigest())


def write(layout: Layout, path: Path, entries: Entries) -> bool:
    """Write a seal, unless one of the same content is there; say whether it was written."""
    key = make_key(layout)
    try:
        if read(path, key).entries == entries:
            return False
    except (FileNotFoundError, BrokenSeal):
        pass
    sealed = {"time": time.time(), "entries": entries}
    text = json.dumps({**sealed, "mac": _mac(sealed, key)})
    return write_file(path, text.encode(), mode=0o600)


def read(path: Path, key: bytes) -> Seal:
    """Return a seal.

    Raises:
        FileNotFoundError: there is none.
        BrokenSeal: somebody has changed it, or the key.
    """
    try:
        said = json.loads(path.read_text())
        sealed = {"time": said["time"], "entries": said["entries"]}
        genuine = hmac.compare_digest(said["mac"], _mac(sealed, key))
    except (ValueError, KeyError, TypeError):
        genuine = False
    if not genuine:
        raise BrokenSeal(path)
    return Seal(sealed["entries"], float(sealed["time"]))


def _mac(sealed: dict[str, object], key: bytes) -> str:
    text = json.dumps(sealed, sort_keys=True).encode()
    return hashlib.blake2b(text, key=key, digest_size=20).hexdigest()
