"""From a folder and a lock to one artifact: the order of the steps, each timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .archive import Entry, read_entries
from .artifact import Artifact, Content, publish
from .files import locked, remove_unfinished
from .source import Source, read_source
from .spec import AppSpec, Target
from .wheels import WheelSet, known_wheel_set, wheel_set
from .wheelstore import WheelStore

Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """Show no progress."""


def build(
    spec: AppSpec,
    targets: Sequence[Target],
    cache: Path,
    *,
    progress: Progress = silent,
    test: bool = False,
) -> Artifact:
    """Make the artifact of an app for the hosts it will go to, or find it made.

    Two builds in one cache wait for each other, so the second finds everything.

    Args:
        targets: the kinds of host; each gets a wheel set of its own.
        cache: the folder ``.turnout``: ``artifacts/``, ``wheels/`` and ``cache/`` are in it.
        progress: called with one line for each step that may take a while.
        test: run the app's own tests first.

    Raises:
        BuildError: what did not work, why, and what to do about it.
    """
    spec.check()
    # Folders may be given relative to where we are; tools run elsewhere.
    cache = cache.resolve()
    spec = replace(spec, source=spec.source.resolve() if spec.source else None)
    with locked(cache / "cache/lock", lambda: progress("Waiting for another build to end")):
        remove_unfinished(cache / "artifacts", cache / "wheels", cache / "cache")
        return _build(spec, sorted(set(targets)), cache, progress, test)


def known_name(spec: AppSpec, targets: Sequence[Target], cache: Path) -> str | None:
    """Return the name that the artifact has, as far as that can be told without work.

    Args:
        targets: the kinds of host.
        cache: the folder ``.turnout``.

    Returns:
        None where something would have to be resolved, fetched or made first.

    Raises:
        BuildError: the source cannot be read, or differs from its commit.
    """
    source = _known_source(spec, cache / "cache")
    if source is None and spec.source:
        return None
    store = WheelStore(cache / "wheels")
    wheel_sets = [known_wheel_set(spec, one, store, cache / "cache") for one in sorted({*targets})]
    chosen = tuple(one for one in wheel_sets if one)
    if len(chosen) < len(wheel_sets):
        return None
    entries = _entries(source)
    made = _compressed(spec, source, entries, cache / "cache")
    return Content(source, [*entries, *made], chosen).name


def _known_source(spec: AppSpec, cache: Path) -> Source | None:
    if spec.source is None:
        return None
    source = read_source(spec.source, allow_dirty=spec.allow_dirty)
    if not spec.build_command:
        return source
    from .commands import built_source

    return built_source(spec, source, _entries(source), cache)


def _build(
    spec: AppSpec, targets: list[Target], cache: Path, progress: Progress, test: bool
) -> Artifact:
    seconds: dict[str, float] = {}
    with _timed("source", seconds):
        source = _source(spec, cache / "cache", progress)
        entries = _entries(source)
        made = _compressed(spec, source, entries, cache / "cache")
    if test and spec.test_command and source:
        with _timed("tests", seconds):
            from .commands import run_tests

            run_tests(spec, source, entries, cache / "cache", progress)
    with _timed("wheels", seconds):
        wheel_sets = _wheel_sets(spec, targets, cache, progress)
    with _timed("archive", seconds):
        content = Content(source, [*entries, *made], wheel_sets)
        path, manifest, fresh = publish(content, cache / "artifacts")
    return Artifact(content.name, path, manifest, wheel_sets, fresh, seconds)


def _source(spec: AppSpec, cache: Path, progress: Progress) -> Source | None:
    if spec.source is None:
        return None
    source = read_source(spec.source, allow_dirty=spec.allow_dirty)
    if not spec.build_command:
        return source
    from .commands import run_build_command

    return run_build_command(spec, source, _entries(source), cache, progress)


def _entries(source: Source | None) -> list[Entry]:
    return read_entries(source.root, source.files) if source else []


def _compressed(
    spec: AppSpec, source: Source | None, entries: list[Entry], cache: Path
) -> list[Entry]:
    if not spec.static:
        return []
    from .static import compressed

    root = source.root if source else cache
    return compressed(root, entries, spec.static, cache / "compressed")


def _wheel_sets(
    spec: AppSpec, targets: list[Target], cache: Path, progress: Progress
) -> tuple[WheelSet, ...]:
    store, memory = WheelStore(cache / "wheels"), cache / "cache"
    return tuple(wheel_set(spec, target, store, memory, progress) for target in targets)


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - started, 3)
