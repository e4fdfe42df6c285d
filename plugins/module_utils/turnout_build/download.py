"""Fetching exactly the wheels a target needs, and making those that exist only as source.

uv resolves for a foreign Python but has no command that downloads. Where one file fits,
it is fetched from the address uv names. pip does the rest: it ranks several files that
fit, knows the credentials of private indexes, and builds.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import tools
from .direct import fetch_direct
from .errors import BuildError
from .files import temporary_folder
from .locks import Pin
from .spec import Target
from .wheelstore import Wheel, WheelStore

_SHOWN = re.compile(r"\s*Downloading (\S+) \((.+)\)")
_TIMEOUT_SECONDS = 1800
# Wheels made here are dated the same wherever and whenever they are made.
_EPOCH = {"SOURCE_DATE_EPOCH": "315532800", "PYTHONHASHSEED": "0"}


def fetch(
    pins: Sequence[Pin],
    options: Sequence[str],
    target: Target,
    store: WheelStore,
    progress: Callable[[str], None],
) -> dict[Pin, Wheel]:
    """Download the wheel of each pin; build those of which there is only the source.

    Raises:
        BuildError: naming the package, and why it cannot be had.
    """
    source_only = [pin for pin in pins if pin.source_only]
    published = [pin for pin in pins if not pin.source_only]
    built = {pin: _build(pin, options, target, store, progress) for pin in source_only}
    direct = fetch_direct([pin for pin in published if pin.url], store, progress)
    rest = [pin for pin in published if pin not in direct]
    return built | direct | _download(rest, options, target, store, progress)


def _download(
    pins: Sequence[Pin],
    options: Sequence[str],
    target: Target,
    store: WheelStore,
    progress: Callable[[str], None],
) -> dict[Pin, Wheel]:
    if not pins:
        return {}
    with temporary_folder() as folder:
        platforms = [part for tag in target.wheel_platforms for part in ("--platform", tag)]
        argv = [
            *tools.pip(), "download", "--no-deps", "--only-binary=:all:", "--require-hashes",
            "--progress-bar=off", "--python-version", target.python, "--implementation", "cp",
            *platforms, "--dest", str(folder), "--requirement",
            str(_requirements(pins, options, folder)),
        ]  # fmt: skip
        done = tools.run_long(argv, on_line=_show(progress), timeout=_TIMEOUT_SECONDS)
        if done.code:
            raise BuildError(
                f"The wheels for {target} cannot be downloaded",
                f"pip says: {_errors(done.output)}",
                "read pip's explanation; if it is the network, try again (what is here is kept)",
                done.output,
            )
        wheels = {wheel.name: wheel for wheel in map(store.add, sorted(folder.glob("*.whl")))}
    return {pin: wheels[pin.name] for pin in pins}


def _requirements(pins: Sequence[Pin], options: Sequence[str], folder: Path) -> Path:
    file = folder / "requirements.txt"
    file.write_text("\n".join([*options, *(pin.as_line() for pin in pins)]) + "\n")
    return file


def _show(progress: Callable[[str], None]) -> Callable[[str], None]:
    def line(text: str) -> None:
        if found := _SHOWN.fullmatch(text):
            progress(f"Downloading {found[1]} ({found[2]})")

    return line


def _build(
    pin: Pin,
    options: Sequence[str],
    target: Target,
    store: WheelStore,
    progress: Callable[[str], None],
) -> Wheel:
    """Make a wheel from source; it must fit the target, although it is made here."""
    progress(f"Building {pin.name} {pin.version}, of which there is only the source")
    with temporary_folder() as folder:
        argv = [
            *tools.pip(), "wheel", "--no-deps", "--no-binary", pin.name, "--require-hashes",
            "--progress-bar=off", "--wheel-dir", str(folder), "--requirement",
            str(_requirements([pin], options, folder)),
        ]  # fmt: skip
        done = tools.run_long(argv, on_line=lambda _: None, timeout=_TIMEOUT_SECONDS, env=_EPOCH)
        made = next(folder.glob("*.whl"), None)
        if done.code or made is None:
            raise _unbuildable(
                pin, target, f"building it failed: {_errors(done.output)}", done.output
            )
        if not made.name.endswith("-none-any.whl") and not _made_for(target):
            raise _unbuildable(pin, target, _foreign(), made.name)
        return store.add(made)


def _made_for(target: Target) -> bool:
    """Say whether machine code made here runs there: same Python, no newer C library."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()
    glibc = re.fullmatch(r"2\.(\d+)", platform.libc_ver()[1])
    fits = glibc is not None and int(glibc[1]) <= target.glibc_minor
    return here == (target.minor, target.machine) and fits


def _foreign() -> str:
    here = (
        f"Python {platform.python_version()}, {platform.machine()}, glibc {platform.libc_ver()[1]}"
    )
    return f"it holds machine code, and what is made here ({here}) does not run there"


def _unbuildable(pin: Pin, target: Target, why: str, evidence: str) -> BuildError:
    return BuildError(
        f"There is no wheel of {pin.name} {pin.version} for {target}",
        f"only its source is published, and {why}",
        f"choose a version of {pin.name} with a wheel for that Python, put a wheel of your own on "
        "a package index, or build on a machine like the host",
        evidence,
    )


def _errors(output: str) -> str:
    said = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR:")]
    return "; ".join(errors) or (said[-1] if said else "nothing")
