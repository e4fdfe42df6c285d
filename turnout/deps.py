"""The locked requirements: one universal file with hashes for every Python that is supported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import NotHere, TurnoutError
from turnout.paths import REPOSITORY

OLDEST_PYTHON = "3.11"
BIN = Path(sys.executable).parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """One locked file: the folder it is in, its name, and the files it is made from."""

    folder: str
    name: str
    sources: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file, seen from the repository."""
        return Path(self.folder) / self.name

    @property
    def file(self) -> Path:
        """The file."""
        return REPOSITORY / self.path


# The test tools are installed into the same environment, so they are resolved with the rest.
LOCKS = (
    Lock(".", "requirements.txt", ("requirements.in",)),
    Lock(".", "requirements-dev.txt", ("requirements.in", "requirements-dev.in")),
    Lock("turnout/bench/peers", "requirements.txt", ("requirements.in",)),
    Lock("turnout/bench/files/packages", "requirements.txt", ("requirements.in",)),
    Lock("app", "requirements.txt", ("requirements.in",)),
    Lock("app", "requirements-sentry.txt", ("requirements.in", "requirements-sentry.in")),
    Lock("app", "requirements-dev.txt", ("requirements-dev.in",)),
)


def lock() -> None:
    """Write every locked file; what is pinned stays where the .in files allow it.

    Raises:
        TurnoutError: a file cannot be resolved.
    """
    for one in _present():
        _compile(one)
        print(f"{one.path} is locked", flush=True)


def upgrade() -> None:
    """Lock the newest versions that the .in files allow, and say what changed.

    Raises:
        TurnoutError: a file cannot be resolved.
    """
    for one in _present():
        before = pins(one.file)
        _compile(one, "--upgrade")
        changes = list(differences(before, pins(one.file)))
        print(f"{one.path}: {'nothing is newer' if not changes else ''}".rstrip(), flush=True)
        for change in changes:
            print(f"  {change}", flush=True)


def audit() -> None:
    """Look up the known vulnerabilities of everything that is locked.

    Raises:
        NotHere: the advisories cannot be reached, so nothing is known.
        TurnoutError: a locked package has a known vulnerability.
    """
    holes, unknown, known = [], [], 0
    for one in _present():
        for package in _audited(one)["dependencies"]:
            name = f"{package['name']} {package.get('version', '')}".strip()
            if "skip_reason" in package:
                unknown.append(f"{one.path}: {name}: {package['skip_reason']}")
                continue
            known += 1
            holes += [f"{one.path}: {name}: {told(hole)}" for hole in package["vulns"]]
    if holes:
        raise TurnoutError(
            "What is locked has known vulnerabilities.",
            "\n".join(holes),
            "./inv deps.upgrade, or raise the minimum in the .in file",
        )
    if unknown:
        raise NotHere(
            f"No advisories are to be had for {len(unknown)} of {known + len(unknown)} pins.",
            "\n".join([*unknown[:3], "..."] if len(unknown) > 3 else unknown),
            "run this where PyPI's own JSON API can be reached; a mirror may not have it",
        )
    print(f"{known} locked packages, no known vulnerability", flush=True)


def told(hole: dict[str, Any]) -> str:
    """Return one vulnerability in a line: its names, and where it is fixed."""
    names = ", ".join([hole["id"], *hole.get("aliases", [])])
    fixed = ", ".join(hole.get("fix_versions", [])) or "no version yet"
    return f"{names}, fixed in {fixed}"


def pins(file: Path) -> dict[str, str]:
    """Return name and version of each pin; several for one name are joined."""
    found: dict[str, str] = {}
    for name, version in PIN.findall(file.read_text() if file.exists() else ""):
        found[name] = f"{found[name]}, {version}" if name in found else version
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Yield a line for each pin that is new, gone or another version."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, "-"), after.get(name, "-")
        if old != new:
            yield f"{name} {old} -> {new}"


def _present() -> Iterator[Lock]:
    """Yield the locks whose .in files are there: a team's own app has its own."""
    for one in LOCKS:
        if all((one.file.parent / source).exists() for source in one.sources):
            yield one


def _audited(one: Lock) -> dict[str, Any]:
    command = [str(BIN / "pip-audit"), "--requirement", one.name, "--require-hashes"]
    command += ["--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(command, cwd=one.file.parent, capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise NotHere(
            f"{one.path} cannot be audited.", done.stderr[-1500:], "is the network up?"
        ) from None


def _compile(one: Lock, *options: str) -> None:
    command = [str(BIN / "uv"), "pip", "compile", "--quiet"]
    command += ["--universal", "--generate-hashes", "--python-version", OLDEST_PYTHON]
    command += ["--no-emit-index-url", "--custom-compile-command", "./inv deps.lock", *options]
    command += [*one.sources, "--output-file", one.name]
    done = subprocess.run(command, cwd=one.file.parent, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TurnoutError(
            f"{one.path} cannot be locked.",
            done.stderr,
            "loosen the requirement that the message names",
        )
