"""Requirements as a lock states them: one version each, and the hashes it may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import BuildError

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==\s*([^\s;]+)")
_HASH = re.compile(r"--hash[=\s]+sha256:([0-9a-f]{64})")
_INDEX_OPTIONS = (
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--trusted-host",
)


@dataclass(frozen=True, order=True)
class Pin:
    """One package in one version.

    Args:
        name: normalised, so that ``Flask_Caching`` is ``flask-caching``.
        hashes: SHA-256 of each file that is accepted, sorted.
        source_only: these files hold source, because there is no wheel that fits.
        url: where the one file is that fits; empty when there are several.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    source_only: bool = False
    url: str = ""

    def as_line(self) -> str:
        """Return the pin as a line that pip and uv read."""
        return " ".join(
            [f"{self.name}=={self.version}", *(f"--hash=sha256:{x}" for x in self.hashes)]
        )


@dataclass(frozen=True)
class Lock:
    """What a requirements file holds.

    Args:
        pins: hashes by (name, version): a universal lock may have a name in two versions.
        options: the lines that say where packages come from, with absolute paths.
    """

    pins: dict[tuple[str, str], frozenset[str]]
    options: tuple[str, ...]


def normalised(name: str) -> str:
    """Return a package's name in the one form that compares."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> Lock:
    """Read a hash-locked requirements file.

    Raises:
        BuildError: it is missing, or a line is no pinned package with hashes.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise BuildError(
            "The app's requirements are missing",
            f"there is no {path}",
            f"set app_requirements, or make a lock: uv pip compile --universal --generate-hashes "
            f"requirements.in --output-file {path.name}",
        ) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Lock:
    """Read requirements; ``path`` names them in errors and anchors relative paths.

    Raises:
        BuildError: a line is no pinned package with hashes.
    """
    pins: dict[tuple[str, str], frozenset[str]] = {}
    options: list[str] = []
    for line in _logical_lines(text):
        if line.startswith("-"):
            options += _option(line, path)
            continue
        match, hashes = _PIN.match(line), frozenset(_HASH.findall(line))
        if not match or not hashes:
            raise _unlocked(line, path)
        key = normalised(match[1]), match[2]
        pins[key] = pins.get(key, frozenset()) | hashes
    return Lock(pins, tuple(options))


def _logical_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _option(line: str, path: Path) -> list[str]:
    # Between them `=`, space, or both; an address may hold `=` as well.
    name, value = re.split(r"\s*=\s*|\s+", f"{line} ", maxsplit=1)
    name = {"-i": "--index-url", "-f": "--find-links"}.get(name, name)
    if name in ("-r", "--requirement", "-c", "--constraint", "-e", "--editable"):
        raise _unlocked(line, path)
    if name not in _INDEX_OPTIONS:
        return []
    local = path.parent / value.strip()
    if name == "--find-links" and local.exists():
        return [f"{name} {local.resolve()}"]
    return [f"{name} {value.strip()}".strip()]


def _unlocked(line: str, path: Path) -> BuildError:
    shown = re.sub(r"//[^/\s]*@", "//***@", line.split("--hash")[0].strip())
    return BuildError(
        "The app's requirements are not locked",
        f"{path} has the line '{shown}', which is no package pinned with == and --hash",
        f"keep what you want in requirements.in and make the lock from it: uv pip compile "
        f"--universal --generate-hashes requirements.in --output-file {path.name}",
    )
