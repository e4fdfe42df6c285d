"""Which file of which package a kind of host gets: uv decides, for a Python that is not here."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tools
from .errors import BuildError
from .files import temporary_folder
from .locks import Lock, Pin, read_lock
from .spec import AppSpec, Target

_NO_NETWORK = re.compile(
    r"dns error|error sending request|failed to fetch|connection refused|timed out|"
    r"network was disabled",
    re.IGNORECASE,
)
# What a release hooks into gunicorn asks a request to end its connection (Request.force_close).
_OLDEST_GUNICORN = 22
_LOCK_AGAIN = "lock it again (./inv deps.lock, or uv pip compile --universal --generate-hashes)"


@dataclass(frozen=True)
class Resolution:
    """The packages of one target, and the options that say where they come from."""

    pins: tuple[Pin, ...]
    options: tuple[str, ...]


def resolve(spec: AppSpec, target: Target) -> Resolution:
    """Evaluate the requirements for a target.

    Raises:
        BuildError: they cannot be resolved, or something is not locked.
    """
    file = spec.requirements_file
    lock = read_lock(file) if file else Lock({}, ())
    with temporary_folder() as folder:
        found = tomllib.loads(_compile(spec, target, folder)).get("packages", [])
    pins = tuple(sorted(_pin(package, lock, spec, target) for package in found))
    _require_gunicorn(pins, spec)
    return Resolution(pins, lock.options)


def origin(spec: AppSpec) -> str:
    """Name where the requirements stand, for people."""
    file = spec.requirements_file
    names = [str(file)] if file else []
    return " and ".join([*names, "app_packages"] if spec.packages else names)


def _compile(spec: AppSpec, target: Target, folder: Path) -> str:
    sources = [str(spec.requirements_file)] if spec.requirements_file else []
    if spec.requirement_lines:
        packages = folder / "app_packages.in"
        packages.write_text("\n".join(spec.requirement_lines) + "\n")
        sources.append(str(packages))
    argv = [
        tools.uv(), "pip", "compile", *sources, "--python-version", target.python,
        "--python-platform", target.uv_platform, "--format", "pylock.toml", "--no-header",
        # Named, or uv looks at every Python of the machine for two seconds.
        "--python", sys.executable,
    ]  # fmt: skip
    done = tools.run(argv, cwd=spec.source or folder)
    if done.code:
        raise _unresolved(spec, target, done.errors)
    return done.output


def _pin(package: dict[str, Any], lock: Lock, spec: AppSpec, target: Target) -> Pin:
    """Take the files that fit the target and that the lock has approved.

    The index may have got files since that nobody has looked at.
    """
    name, version = package["name"], package.get("version", "")
    wheels = {_sha256(wheel): str(wheel.get("url", "")) for wheel in package.get("wheels", [])}
    sources = {_sha256(package["sdist"])} if "sdist" in package else set[str]()
    if not version or not (wheels or sources):
        raise _unpublished(name, spec)
    published = frozenset(sources.union(wheels))
    approved = lock.pins.get((name, version), published if spec.packages else frozenset())
    if not approved:
        raise _unlocked(f"needs {name} {version}, but does not name it", spec)
    fitting, source = sorted(approved.intersection(wheels)), sorted(sources & approved)
    if not fitting and not source:
        raise _unlocked(f"has no hash of {name} {version} for a file that fits {target}", spec)
    url = wheels[fitting[0]] if len(fitting) == 1 else ""
    return Pin(name, version, tuple(fitting or source), source_only=not fitting, url=url)


def _sha256(file: dict[str, Any]) -> str:
    return str(file.get("hashes", {}).get("sha256", ""))


def _unpublished(name: str, spec: AppSpec) -> BuildError:
    return BuildError(
        "The app's requirements cannot be built for",
        f"{origin(spec)} takes {name} from a file or an address, not from a package index",
        f"put a wheel of {name} on a package index, or a folder that --find-links names",
    )


def _unlocked(why: str, spec: AppSpec) -> BuildError:
    return BuildError(
        "The app's requirements are not locked",
        f"{origin(spec)} {why}",
        _LOCK_AGAIN,
    )


def _require_gunicorn(pins: tuple[Pin, ...], spec: AppSpec) -> None:
    version = next((pin.version for pin in pins if pin.name == "gunicorn"), None)
    if version is None:
        raise BuildError(
            "Nothing would serve the app",
            f"gunicorn is not among the requirements in {origin(spec)}",
            "add gunicorn to the app's requirements and lock them again",
        )
    if int(version.partition(".")[0]) < _OLDEST_GUNICORN:
        raise BuildError(
            "This gunicorn would answer requests with errors",
            f"{origin(spec)} has gunicorn {version}, which cannot end a kept connection in time",
            f"require gunicorn>={_OLDEST_GUNICORN} and {_LOCK_AGAIN}",
        )


def _unresolved(spec: AppSpec, target: Target, said: str) -> BuildError:
    step = f"correct {origin(spec)}"
    if _NO_NETWORK.search(said):
        step = "give this machine a way to a package index (nothing is fetched that it has)"
    return BuildError(
        "The app's requirements cannot be resolved",
        f"{origin(spec)} for {target}: uv says: {words(said)}",
        step,
    )


def words(said: str) -> str:
    """Return what uv said as one sentence: it draws a tree, and warns and tells besides."""
    noise = ("warning:", "Using Python")
    lines = [line for line in said.splitlines() if not line.lstrip().startswith(noise)]
    text = " ".join(re.sub(r"[^ -~]+", " ", "\n".join(lines)).split())
    return text.removeprefix("error: ").replace(" cause: ", ": ").rstrip(".")
