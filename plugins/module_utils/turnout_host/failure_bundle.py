"""The failure bundle: all that a person needs to see why a release failed, as files by name.

It goes to whoever ran the deploy, so it has no value of the release's configuration in it.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import differences, hiding, journal, releases
from .errors import HostFailure
from .layout import SLOTS, Layout, other_slot
from .units import Slots

LOG_LINES = 200
HISTORY_LINES = 10


@dataclass(frozen=True)
class Failed:
    """A release that failed on this host, and in which phase."""

    layout: Layout
    slots: Slots
    release: str
    phase: str
    failure: HostFailure

    @property
    def slot(self) -> str | None:
        """Where it runs, or ran."""
        held = (slot for slot in SLOTS if releases.in_slot(self.layout, slot) == self.release)
        return next(held, None)

    @property
    def live(self) -> str | None:
        """The release that it was to follow."""
        live = releases.live(self.layout)
        if live == self.release and self.slot:
            live = releases.in_slot(self.layout, other_slot(self.slot))
        return live


def collect(failed: Failed) -> dict[str, str]:
    """Return the bundle: text by file name, each of at most so many bytes as ``FILES`` says."""
    hide = hiding.hider(failed.layout, failed.release, failed.live)
    bundle = {}
    for name, (tell, limit) in FILES.items():
        try:
            text = tell(failed)
        except (HostFailure, OSError, ValueError, LookupError, TypeError) as error:
            # One file less is no reason to lose the others.
            text = f"This could not be found out: {error}"
        bundle[name] = _cut(hide(text).strip() + "\n", limit, from_end=name in FROM_END)
    return bundle


def _cut(text: str, limit: int, *, from_end: bool) -> str:
    content = text.encode()
    if len(content) <= limit:
        return text
    kept = content[-limit:] if from_end else content[:limit]
    words = kept.decode(errors="ignore")
    note = f"[{len(content) - limit} bytes more]"
    return f"{note}\n{words}" if from_end else f"{words}\n{note}\n"


def _cause(failed: Failed) -> str:
    facts = {
        "app": failed.layout.app,
        "host": platform.node(),
        "phase": failed.phase,
        "release": failed.release,
        "live": failed.live or "none",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    lines = [failed.failure.cause, f"Next: {failed.failure.next_step}", ""]
    return "\n".join([*lines, *(f"{name:<8} {value}" for name, value in facts.items())])


def _answer(failed: Failed) -> str:
    return failed.failure.seen.get("answer") or f"No health check was asked for by {failed.phase}."


def _unit(failed: Failed) -> str:
    if failed.failure.seen.get("unit"):
        return failed.failure.seen["unit"]
    return failed.slots.describe(failed.slot) if failed.slot else "No slot holds the release."


def _log(failed: Failed) -> str:
    failure = failed.failure
    if "log" in failure.seen:
        return failure.seen["log"] or "The command printed nothing."
    # Of a program that the host itself started.
    said = [] if failure.seen or not failure.evidence else [failure.evidence, ""]
    if failed.slot is None:
        return "\n".join([*said, "No slot holds the release."])
    begun = journal.last(failed.layout, "begin")
    since = float(begun["time"]) if begun else 0
    return "\n".join(
        [*said, failed.slots.log(failed.slot, LOG_LINES, form="short-iso", since=since)]
    )


def _environment(failed: Failed) -> str:
    return "\n".join(differences.environment(failed.layout, failed.release, failed.live))


def _dependencies(failed: Failed) -> str:
    return _against_live(failed, differences.dependencies)


def _files(failed: Failed) -> str:
    return _against_live(failed, differences.files)


def _against_live(failed: Failed, compare: Callable[[Layout, str, str], Iterable[str]]) -> str:
    if failed.live in (None, failed.release):
        return "There is no live release to compare with."
    found = "\n".join(compare(failed.layout, failed.release, str(failed.live)))
    return found or f"The same as in the live release {failed.live}."


def _history(failed: Failed) -> str:
    ended = journal.read_lines(failed.layout.history)[-HISTORY_LINES:]
    # Who knows the token may act for the deploy's owner.
    steps = [
        {name: fact for name, fact in entry.items() if name != "token"}
        for entry in journal.read_lines(failed.layout.journal)
    ]
    lines = ["What ended before, the latest last:", *map(json.dumps, ended)]
    return "\n".join([*lines, "", "How far this one got:", *map(json.dumps, steps)])


# What is told, and how many bytes of it.
FILES: dict[str, tuple[Callable[[Failed], str], int]] = {
    "cause.txt": (_cause, 8 * 1024),
    "answer.txt": (_answer, 32 * 1024),
    "unit.txt": (_unit, 16 * 1024),
    "log.txt": (_log, 64 * 1024),
    "env-keys.txt": (_environment, 8 * 1024),
    "dependencies.txt": (_dependencies, 16 * 1024),
    "files.txt": (_files, 96 * 1024),
    "history.txt": (_history, 16 * 1024),
}
# Of these the end says more than the beginning.
FROM_END = ("log.txt", "history.txt")
