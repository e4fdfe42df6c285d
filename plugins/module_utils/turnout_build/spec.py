"""What the build needs to know about an app and about the hosts it is built for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BuildError

# The newest glibc whose wheels uv can be asked for; hosts with a newer one run those as well.
_UV_GLIBC_MINORS = (17, 28, *range(31, 41))


@dataclass(frozen=True)
class AppSpec:
    """The settings that decide what is built; each is ``app_<name>`` in an inventory.

    Args:
        source: the folder with the code, or None for an app that is only packages.
        packages: requirement strings on top of, or instead of, the requirements file.
        requirements: the hash-locked requirements file, relative to ``source``.
        build_command: shell command that runs once, in a copy of the source.
        test_command: shell command that must succeed before anything is deployed.
        test_requirements: requirements file of the tests, relative to ``source``.
        allow_dirty: build what is in the folder although git does not know it yet.
        python: which Python runs the two commands, as a version specifier.
        static: folders that nginx serves itself, relative to ``source``.
    """

    source: Path | None = None
    packages: tuple[str, ...] = ()
    requirements: str = "requirements.txt"
    build_command: str = ""
    test_command: str = ""
    test_requirements: str = ""
    allow_dirty: bool = False
    python: str = ""
    static: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> AppSpec:
        """Make a spec from plain values as an inventory gives them.

        Raises:
            BuildError: naming the setting that is unknown or that nothing can be built from.
        """
        unknown = sorted(set(settings) - set(cls.__dataclass_fields__))
        if unknown:
            raise BuildError(
                "The build settings are wrong",
                f"unknown: {', '.join(unknown)}",
                f"use {', '.join(cls.__dataclass_fields__)}",
            )
        values = {name: value for name, value in settings.items() if value is not None}
        source = str(values.pop("source", "") or "")
        for name in ("packages", "static"):
            values[name] = tuple(str(line) for line in values.get(name, ()))
        spec = cls(source=Path(source).expanduser() if source else None, **values)
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse a spec from which nothing can be built."""
        if self.source is None and not self.packages:
            raise BuildError(
                "There is nothing to build",
                "app_source and app_packages are both empty",
                "point app_source at the folder with the code, or name packages in app_packages",
            )
        if not self.requirements and not self.packages:
            raise BuildError(
                "There is nothing that would serve the app",
                "app_requirements and app_packages are both empty",
                "name the hash-locked requirements file, or packages, gunicorn among them",
            )
        if self.source is not None and not self.source.is_dir():
            raise BuildError(
                "The app's code is not there",
                f"app_source is {self.source}, which is no folder",
                "correct app_source in the inventory",
            )

    @property
    def requirements_file(self) -> Path | None:
        """The requirements file, or None for an app without one."""
        path = self.source / self.requirements if self.source and self.requirements else None
        if path is None or (self.packages and not path.exists()):
            return None
        return path

    @property
    def requirement_lines(self) -> tuple[str, ...]:
        """The packages to install besides the file; something has to serve the app, so gunicorn.

        An app with a requirements file pins its own gunicorn there, or in ``app_packages``.
        """
        pinned = any(re.match(r"\s*gunicorn(?![\w.-])", line, re.I) for line in self.packages)
        serves = pinned or self.requirements_file is not None
        return self.packages if serves else (*self.packages, "gunicorn")


@dataclass(frozen=True, order=True)
class Target:
    """A kind of host: what decides which wheels fit it.

    Args:
        python: version, ``3.11`` or ``3.11.2``.
        machine: as ``uname -m`` says.
        glibc: version, ``2.36``.
    """

    python: str
    machine: str
    glibc: str

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Target:
        """Make a target from what preflight found on a host.

        Raises:
            BuildError: for a host that no wheel can be chosen for.
        """
        target = cls(*(str(facts.get(name, "")) for name in ("python", "machine", "glibc")))
        target.check()
        return target

    def check(self) -> None:
        """Refuse values that are no versions, and a C library without wheels."""
        python = re.fullmatch(r"3\.\d+(\.\d+)?", self.python)
        glibc = re.fullmatch(r"2\.(\d+)", self.glibc)
        if not python or not glibc or not re.fullmatch(r"\w+", self.machine):
            raise BuildError(
                "A host cannot be built for",
                f"it is Python {self.python!r}, machine {self.machine!r}, glibc {self.glibc!r}",
                "use hosts with CPython 3 and glibc, such as Debian",
            )
        if int(glibc[1]) < _UV_GLIBC_MINORS[0]:
            raise BuildError(
                "A host cannot be built for",
                f"its glibc {self.glibc} is older than 2.17, for which no wheels are made",
                "use a newer release of its system",
            )

    def __str__(self) -> str:
        return f"Python {self.minor} on {self.machine} with glibc {self.glibc}"

    @property
    def minor(self) -> str:
        """The version without its patch level."""
        return ".".join(self.python.split(".")[:2])

    @property
    def glibc_minor(self) -> int:
        return int(self.glibc.split(".")[1])

    @property
    def uv_platform(self) -> str:
        """The platform as uv names it: the newest that is not newer than the host."""
        minor = max(known for known in _UV_GLIBC_MINORS if known <= self.glibc_minor)
        return f"{self.machine}-manylinux_2_{minor}"

    @property
    def wheel_platforms(self) -> list[str]:
        """Every platform tag the host accepts, the best first."""
        modern = [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.glibc_minor, 4, -1)]
        old = [f"manylinux{name}_{self.machine}" for name in ("2014", "2010", "1")]
        return [*modern, *old, f"linux_{self.machine}"]
