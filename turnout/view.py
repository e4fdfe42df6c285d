"""Show a run while it goes on: phases and hosts on a terminal, plain lines without one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from turnout.progress import Cell, Progress

# A column for each host is readable up to here; beyond it hosts are counted.
MOST_COLUMNS = 6
STYLES = {
    "running": "cyan",
    "ok": "green",
    "changed": "green",
    "skipped": "dim",
    "failed": "bold red",
    "unreachable": "bold red",
}


class View(Protocol):
    """What shows a run."""

    def update(self, progress: Progress) -> None:
        """Show the state of the run."""

    def note(self, line: str) -> None:
        """Show one line of a long step."""


class PlainView:
    """One line with the time for each phase, host and note; for CI and pipes."""

    def __init__(self, write: Callable[[str], None] = print) -> None:
        self._write = write
        self._told: dict[tuple[str, str], float] = {}
        self._notes = 0

    def update(self, progress: Progress) -> None:
        """Say which phases ended, on which host, since the last call."""
        for line in progress.notes[self._notes :]:
            self.note(line)
        self._notes = len(progress.notes)
        has_ended = True  # what ran in the call of the phase under way comes after it
        for phase, host, cell in _cells(progress):
            has_ended = has_ended and phase != progress.phase
            if has_ended or _is_bad(cell):
                self._tell(phase, host, cell)

    def finish(self, progress: Progress) -> None:
        """Say how the phase ended that was running last, and what went wrong beside it."""
        for phase, host, cell in _cells(progress):
            self._tell(phase, host, cell)
        for warning in progress.warnings:
            self._write(f"Warning: {warning}")

    def note(self, line: str) -> None:
        """Show one line of a long step, or a step before the run."""
        self._write(f"{_clock()}  {line}")

    def _tell(self, phase: str, host: str, cell: Cell) -> None:
        if cell.state == "running" or self._told.get((phase, host)) == cell.seconds:
            return
        self._told[phase, host] = cell.seconds
        self._write(f"{_clock()}  {phase:<18} {host:<16} {cell.state:<11} {cell.seconds:.1f} s")


class LiveView:
    """Phases down, hosts across, redrawn in place; the running task and the last note below."""

    def __init__(self, title: str) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")
        self._title = title
        self._progress = Progress()
        self._notes: list[str] = []
        self._done = False
        self._live = Live(get_renderable=self._draw, refresh_per_second=8)

    def update(self, progress: Progress) -> None:
        """Take the state of the run; the screen follows by itself."""
        self._progress = progress

    def note(self, line: str) -> None:
        """Show one line of a long step until the next one comes."""
        self._notes.append(line)

    def start(self) -> None:
        """Take the screen."""
        self._live.start()

    def finish(self, progress: Progress) -> None:
        """Draw the last state and leave it standing."""
        self._done = True
        self._progress = progress
        self._live.stop()

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = [Text(self._title, style="bold"), _table(self._progress)]
        if self._done:
            warnings = (Text(f"Warning: {one}", style="yellow") for one in self._progress.warnings)
            return Group(*parts, *warnings)
        self._spinner.update(text=Text(self._progress.task or "Getting ready"))
        notes = [*self._notes, *self._progress.notes][-2:]
        lines = [Text(f"  {one}", "dim", no_wrap=True, overflow="ellipsis") for one in notes]
        return Group(*parts, self._spinner, *lines)


@contextmanager
def shown(title: str) -> Iterator[PlainView | LiveView]:
    """Yield the view that suits where the output goes.

    Whoever runs something tells it to `update` and, at the end, to `finish`.
    """
    if not is_interactive():
        yield PlainView(lambda line: print(line, flush=True))
        return
    view = LiveView(title)
    view.start()
    try:
        yield view
    finally:
        view.finish(view._progress)


def is_interactive() -> bool:
    """Return whether a person watches: a terminal that can redraw, and no CI."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


def seconds_line(seconds: dict[str, float]) -> str:
    """Return the phases with their seconds on one line."""
    return "  ".join(f"{phase} {value:.1f}" for phase, value in seconds.items())


def _table(progress: Progress) -> Any:
    from rich.table import Table
    from rich.text import Text

    hosts = list(dict.fromkeys(host for _, host, _ in _cells(progress)))
    counted = len(hosts) > MOST_COLUMNS
    table = Table(box=None, pad_edge=False)
    for column in ("phase", *(["hosts"] if counted else hosts)):
        table.add_column(column)
    for phase, cells in progress.phases.items():
        texts = [Text(_count(cells))] if counted else [_cell(cells.get(host)) for host in hosts]
        table.add_row(phase, *texts)
    return table


def _cell(cell: Cell | None) -> Any:
    from rich.text import Text

    if cell is None:
        return Text("")
    seconds = cell.seconds + (time.monotonic() - cell.since if cell.since else 0.0)
    return Text(f"{cell.state} {seconds:.1f} s", style=STYLES[cell.state])


def _count(cells: dict[str, Cell]) -> str:
    states = [cell.state for cell in cells.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in STYLES if state in states)


def _cells(progress: Progress) -> Iterator[tuple[str, str, Cell]]:
    for phase, cells in progress.phases.items():
        for host, cell in cells.items():
            yield phase, host, cell


def _is_bad(cell: Cell) -> bool:
    return cell.state in ("failed", "unreachable")


def _clock() -> str:
    return time.strftime("%H:%M:%S")
