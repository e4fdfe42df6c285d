"""How much memory a command and everything it started hold together, looked at while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
PAUSE_SECONDS = 0.5


@dataclass
class Peak:
    """The most that was seen, in MB; shared pages count once, in parts."""

    megabytes: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self, root: int) -> None:
        """Look at the descendants of process ``root`` until told otherwise."""
        while not self._over.wait(PAUSE_SECONDS):
            self.megabytes = max(self.megabytes, held(descendants(root, parents())))

    def end(self) -> None:
        """Stop looking."""
        self._over.set()


@contextmanager
def watched(root: int) -> Iterator[Peak]:
    """Watch what descends from process ``root`` while the ``with`` block runs."""
    peak = Peak()
    thread = threading.Thread(target=peak.watch, args=[root], daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.end()
        thread.join()


def parents(proc: Path = PROC) -> dict[int, int]:
    """Return the parent of each process there is."""
    found = {}
    for folder in proc.glob("[0-9]*"):
        try:
            # The second field may hold spaces, but ends with the last `)`.
            found[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except (OSError, ValueError, IndexError):
            continue  # it has ended since
    return found


def descendants(root: int, parent_of: dict[int, int]) -> set[int]:
    """Return all processes below ``root``, without itself."""
    found: set[int] = set()
    while True:
        more = {one for one, parent in parent_of.items() if parent in found | {root}} - found
        if not more:
            return found
        found |= more


def held(processes: set[int], proc: Path = PROC) -> float:
    """Return the MB that these processes hold: each page divided by those who share it."""
    total = 0
    for one in processes:
        try:
            lines = (proc / str(one) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024
