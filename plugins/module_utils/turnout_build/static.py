"""Static files get a compressed copy at build, which nginx serves as it is (gzip_static)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from .archive import Entry
from .errors import BuildError
from .files import file_digest, write_bytes

# Text by nature; pictures, fonts of today and films are compressed already.
_SUFFIXES = frozenset(
    {".css", ".csv", ".eot", ".html", ".ico", ".js", ".json", ".map", ".md", ".mjs", ".otf"}
    | {".svg", ".ttf", ".txt", ".wasm", ".webmanifest", ".xml"}
)
# Below this the header of a compressed answer eats what it saves.
_LEAST_BYTES = 1024
_LEVEL = 9
_IN_PACKAGES = "site-packages/"


def compressed(
    root: Path, entries: Sequence[Entry], folders: Sequence[str], cache: Path
) -> list[Entry]:
    """Return an entry more for each static file that compression makes smaller.

    Args:
        root: where the entries' files are.
        folders: the folders that nginx serves, relative to the code.
        cache: keeps each compressed file under the SHA-256 of its original.

    Raises:
        BuildError: there is nothing in such a folder; every address below it would be a 404.
    """
    inside = [PurePosixPath(name) for name in folders if not name.startswith(_IN_PACKAGES)]
    for folder in inside:
        if not any(PurePosixPath(entry.path).is_relative_to(folder) for entry in entries):
            raise BuildError(
                "The app's static files are missing",
                f"app_static names {folder}, and the code has no file there",
                "correct app_static; [] leaves static files to the app",
            )
    known = {entry.path for entry in entries}
    wanted = [entry for entry in entries if _is_worth_it(entry, inside, known)]
    made = ((entry, _made(root / entry.path, entry, cache)) for entry in wanted)
    return [
        Entry(f"{entry.path}.gz", entry.mode, file_digest(file), file.stat().st_size, made=file)
        for entry, file in made
        if file.stat().st_size < entry.size
    ]


def _is_worth_it(entry: Entry, folders: Sequence[PurePosixPath], known: set[str]) -> bool:
    path = PurePosixPath(entry.path)
    return (
        not entry.link
        and entry.size >= _LEAST_BYTES
        and path.suffix.lower() in _SUFFIXES
        and f"{entry.path}.gz" not in known
        and any(path.is_relative_to(folder) for folder in folders)
    )


def _made(source: Path, entry: Entry, cache: Path) -> Path:
    file = cache / f"{entry.sha256}.gz"
    if not file.exists():
        packed = io.BytesIO()
        # No name and no time of its own: the same file gives the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as target:
            target.write(source.read_bytes())
        write_bytes(file, packed.getvalue())
    return file
