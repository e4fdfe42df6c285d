"""What one run of the bench says: to people as Markdown, to programs as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from turnout.bench.figures import Figure, Ratio, figures_table, ratios_table
from turnout.bench.scratch import FOLDER

PACKAGES = ("ansible-core", "ansible-runner", "invoke", "fabric")


@dataclass
class Report:
    """The outcome of a suite.

    Attributes:
        suite: `deploy`, `peers`, …
        command: what repeats it.
        tables: figures by the title of their table; those of one table share a unit.
        ratios: what `--check` compares.
        notes: what a reader has to know besides, a line each.
        machine: what it was measured on.
    """

    suite: str
    command: str
    tables: dict[str, list[Figure]]
    ratios: list[Ratio]
    notes: list[str] = field(default_factory=list)
    machine: str = ""

    def markdown(self) -> str:
        """Return the tables, with the command above them and the machine below."""
        tables = [
            figures_table(figures, title) for title, figures in self.tables.items() if figures
        ]
        parts = [f"`{self.command}`", *tables]
        parts += [ratios_table(self.ratios)] if self.ratios else []
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join([*parts, f"{self.machine}."])

    def document(self) -> dict[str, Any]:
        """Return everything, with each single value."""
        return asdict(self)


def store(report: Report, folder: Path = FOLDER) -> Path:
    """Write the report beside those of earlier runs and return its JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    file = folder / f"{stamp}-{report.suite}.json"
    file.write_text(json.dumps(report.document(), indent=1) + "\n")
    file.with_suffix(".md").write_text(report.markdown() + "\n")
    return file


def machine(load_before: float, *versions: str) -> str:
    """Return what the figures were measured on.

    Args:
        load_before: the load when the run began, which the run itself had no part in.
        versions: further programs that took part, such as `nginx 1.22.1`.
    """
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    return ", ".join(
        (
            time.strftime("%Y-%m-%d"),
            f"{os.cpu_count()} cores",
            f"Python {platform.python_version()}",
            *packages,
            *versions,
            f"load {load_before:.1f} before and {load():.1f} at the end",
        )
    )


def load() -> float:
    """Return how many processes wanted a core in the last minute, on average."""
    return os.getloadavg()[0]
