"""One set of wheels for each kind of host, with the lock that installs exactly these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BuildError
from .files import digest, read_json, write_json
from .locks import Pin
from .resolve import Resolution, origin, resolve
from .spec import AppSpec, Target
from .wheelstore import Wheel, WheelStore

# Part of each key in the cache: raised when what is kept there changes its meaning.
_FORMAT = 1


@dataclass(frozen=True)
class WheelSet:
    """Everything a host of one kind installs.

    Args:
        wheels: one for each package, sorted by name.
    """

    target: Target
    wheels: tuple[Wheel, ...]

    @property
    def lock(self) -> str:
        """Requirements without markers, one hash each: nothing is left to decide on the host."""
        pins = (Pin(wheel.name, wheel.version, (wheel.sha256,)) for wheel in self.wheels)
        return "".join(f"{pin.as_line()}\n" for pin in pins)

    @property
    def venv_key(self) -> str:
        """The name of the virtual environment: what is in it, and what it runs on."""
        target = self.target
        facts = f"{target.minor}\n{target.machine}\nglibc {target.glibc}\n"
        return hashlib.sha256((self.lock + facts).encode()).hexdigest()[:16]

    def as_manifest(self) -> dict[str, Any]:
        """Return what the manifest says about it."""
        return {
            "python": self.target.minor,
            "machine": self.target.machine,
            "glibc": self.target.glibc,
            "lock": self.lock,
            "venv_key": self.venv_key,
            "wheels": [
                {name: wheel.as_json()[name] for name in ("file", "sha256", "size")}
                for wheel in self.wheels
            ],
        }


def wheel_set(
    spec: AppSpec,
    target: Target,
    store: WheelStore,
    cache: Path,
    progress: Callable[[str], None],
) -> WheelSet:
    """Return the wheels of an app for a target; without any network when they are all here.

    Args:
        cache: where to keep what was resolved for which requirements.

    Raises:
        BuildError: a requirement cannot be resolved, downloaded or built.
    """
    known = known_wheel_set(spec, target, store, cache)
    if known is not None:
        return known
    progress(f"Resolving {origin(spec)} for {target}")
    file = _resolved(spec, target, cache)
    wheels = tuple(sorted(_choose(resolve(spec, target), target, store, cache, progress)))
    # Fetching takes minutes: what was resolved must not be kept as that of another text.
    if _resolved(spec, target, cache) != file:
        raise BuildError(
            "The app's requirements changed while they were resolved",
            f"{origin(spec)} is not what it was a moment ago",
            "build again; what was fetched is kept",
        )
    write_json(file, [wheel.as_json() for wheel in wheels])
    return WheelSet(target, wheels)


def known_wheel_set(
    spec: AppSpec, target: Target, store: WheelStore, cache: Path
) -> WheelSet | None:
    """Return the wheels of an app for a target if they were chosen before and are all here."""
    known = _known(_resolved(spec, target, cache), store)
    return None if known is None else WheelSet(target, known)


def _resolved(spec: AppSpec, target: Target, cache: Path) -> Path:
    file = spec.requirements_file
    text = file.read_text() if file and file.exists() else ""
    key = digest(_FORMAT, text, spec.requirement_lines, _facts(target))
    return cache / f"resolved-{key}.json"


def _choose(
    resolution: Resolution,
    target: Target,
    store: WheelStore,
    cache: Path,
    progress: Callable[[str], None],
) -> list[Wheel]:
    """Find the wheel of each pin, here if it was ever needed; fetch the others."""
    files = {pin: cache / f"wheel-{_wheel_key(pin, target)}.json" for pin in resolution.pins}
    known = {pin: found for pin, file in files.items() if (found := _at_hand(pin, file, store))}
    missing = [pin for pin in resolution.pins if pin not in known]
    if not missing:
        return list(known.values())
    # Imported where it is needed: the usual build has all its wheels and starts faster so.
    from .download import fetch

    progress(f"Fetching {len(missing)} of {len(files)} wheels for {target}")
    fetched = fetch(missing, resolution.options, target, store, progress)
    for pin, wheel in fetched.items():
        write_json(files[pin], [wheel.as_json()])
    return [*known.values(), *fetched.values()]


def _at_hand(pin: Pin, file: Path, store: WheelStore) -> Wheel | None:
    """Return the pin's wheel: the only one that fits, or the one pip chose for such a target."""
    if len(pin.hashes) == 1 and not pin.source_only:
        return store.find(pin.hashes[0])
    found = _known(file, store)
    return found[0] if found else None


def _wheel_key(pin: Pin, target: Target) -> str:
    return digest(_FORMAT, pin.name, pin.version, pin.hashes, _facts(target))


def _facts(target: Target) -> list[str]:
    return [target.python, target.machine, target.glibc]


def _known(file: Path, store: WheelStore) -> tuple[Wheel, ...] | None:
    """Return the wheels a file of the cache names, if every one is here."""
    kept = read_json(file)
    if kept is None:
        return None
    wheels = tuple(Wheel(**fields) for fields in kept)
    return wheels if all(map(store.has, wheels)) else None
