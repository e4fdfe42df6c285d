"""Wheels on the controller, filed under their SHA-256 and kept: nothing is downloaded twice."""

from __future__ import annotations

import calendar
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .files import file_digest, new_folder
from .locks import normalised


@dataclass(frozen=True, order=True)
class Wheel:
    """One wheel.

    Args:
        file: its file name.
        size: bytes.
        newest: time of the newest file inside, in seconds since the epoch; what dates an
            artifact that has no code of its own.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    newest: int

    def as_json(self) -> dict[str, Any]:
        """Return the wheel as plain values."""
        return asdict(self)


class WheelStore:
    """The folder ``wheels/<sha256>/<file>``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, wheel: Wheel) -> Path:
        """Return where a wheel is kept."""
        return self.root / wheel.sha256 / wheel.file

    def has(self, wheel: Wheel) -> bool:
        """Say whether a wheel is here whole."""
        try:
            return self.path(wheel).stat().st_size == wheel.size
        except FileNotFoundError:
            return False

    def find(self, sha256: str) -> Wheel | None:
        """Return the wheel with a SHA-256, if it is here."""
        file = next((self.root / sha256).glob("*.whl"), None)
        return _wheel(file, sha256) if file else None

    def add(self, file: Path) -> Wheel:
        """Copy a wheel into the store and return what it is."""
        wheel = _wheel(file, file_digest(file))
        if not self.has(wheel):
            with new_folder(self.root / wheel.sha256) as folder:
                shutil.copyfile(file, folder / file.name)
        return wheel


def _wheel(file: Path, sha256: str) -> Wheel:
    name, version = file.name.split("-")[:2]
    return Wheel(normalised(name), version, file.name, sha256, file.stat().st_size, _newest(file))


def _newest(file: Path) -> int:
    with zipfile.ZipFile(file) as archive:
        dates = [member.date_time for member in archive.infolist()]
    # A date of zeros is how some tools write "unknown".
    return max((calendar.timegm(date) for date in dates if date[1] and date[2]), default=0)
