"""The team's own commands: build once and test, each in a copy of what will be shipped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .archive import Entry, changed, read_entries
from .environments import ensure_environment, environment_key, run_in
from .errors import BuildError
from .files import digest, new_folder, temporary_folder, write_json
from .source import Source, scan
from .spec import AppSpec

_FORMAT = 1
_TIMEOUT_SECONDS = 1800
_SHOWN_LINES = 200


def run_build_command(
    spec: AppSpec,
    source: Source,
    entries: list[Entry],
    cache: Path,
    progress: Callable[[str], None],
) -> Source:
    """Return the source with what ``app_build_command`` makes; run once for each content.

    Raises:
        BuildError: the command fails; its output is the evidence.
    """
    files, built = _requirement_files(spec), _built(spec, entries, cache)
    if not built.is_dir():
        environment = ensure_environment(spec, files, cache, progress)
        progress(f"Running the app's build command: {spec.build_command}")
        with _copied(source, entries) as folder:
            _run(spec.build_command, "build", environment, folder, source)
            with new_folder(built) as target:
                _copy_all(folder, target, _after_build(source, folder))
    return replace(source, root=built, files=_after_build(source, built))


def built_source(spec: AppSpec, source: Source, entries: list[Entry], cache: Path) -> Source | None:
    """Return the source with what ``app_build_command`` has made, None if it has not yet."""
    built = _built(spec, entries, cache)
    if not built.is_dir():
        return None
    return replace(source, root=built, files=_after_build(source, built))


def _built(spec: AppSpec, entries: list[Entry], cache: Path) -> Path:
    environment = environment_key(spec, _requirement_files(spec))
    key = digest(_FORMAT, _content(entries), spec.build_command, environment)
    return cache / f"built-{key}"


def run_tests(
    spec: AppSpec,
    source: Source,
    entries: list[Entry],
    cache: Path,
    progress: Callable[[str], None],
) -> None:
    """Run ``app_test_command``, unless it has passed for exactly this code before.

    Raises:
        BuildError: the tests fail; their output is the evidence.
    """
    files = _requirement_files(spec, spec.test_requirements)
    key = digest(_FORMAT, _content(entries), spec.test_command, environment_key(spec, files))
    passed = cache / f"tested-{key}.json"
    if passed.exists():
        progress("The app's tests have passed for this code before")
        return
    environment = ensure_environment(spec, files, cache, progress)
    progress(f"Running the app's tests: {spec.test_command}")
    started = time.monotonic()
    with _copied(source, entries) as folder:
        _run(spec.test_command, "test", environment, folder, source)
    seconds = round(time.monotonic() - started, 1)
    progress(f"The app's tests passed in {seconds} s")
    write_json(passed, {"command": spec.test_command, "seconds": seconds})


def _requirement_files(spec: AppSpec, *more: str) -> tuple[Path, ...]:
    files = [spec.requirements_file, *(spec.source / name for name in more if name and spec.source)]
    for file in (file for file in files if file and not file.exists()):
        raise BuildError(
            "The app's requirements are missing",
            f"there is no {file}",
            "correct app_requirements or app_test_requirements",
        )
    return tuple(file for file in files if file)


def _content(entries: list[Entry]) -> list[object]:
    return [[entry.path, entry.as_manifest()] for entry in entries]


def _run(command: str, kind: str, environment: Path, folder: Path, source: Source) -> None:
    extra = {"SOURCE_DATE_EPOCH": str(source.time)}
    done = run_in(environment, command, folder=folder, extra=extra, timeout=_TIMEOUT_SECONDS)
    if problem := done.problem(_TIMEOUT_SECONDS):
        lines = done.output.splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise BuildError(
            f"The app's {kind} command {problem}",
            f"'{command}' ended with: {last}",
            f"run it in {source.root} and mend what it reports, or correct app_{kind}_command",
            "\n".join(lines[-_SHOWN_LINES:]),
        )


@contextmanager
def _copied(source: Source, entries: list[Entry]) -> Iterator[Path]:
    """Yield a copy of what will be shipped: what works only beside untracked files fails here."""
    with temporary_folder() as folder:
        copy = folder / source.root.name
        copy.mkdir()
        paths = tuple(entry.path for entry in entries)
        _copy_all(source.root, copy, paths)
        # The environment may have taken minutes: what runs here is kept as that of these entries.
        for entry, copied in zip(entries, read_entries(copy, paths), strict=True):
            if entry != copied:
                raise changed(entry.path)
        yield copy


def _copy_all(root: Path, target: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name, follow_symlinks=False)


def _after_build(source: Source, folder: Path) -> tuple[str, ...]:
    """What was shipped before, if it is still there, and everything that was made."""
    tracked = {
        name for name in source.files if (folder / name).is_symlink() or (folder / name).exists()
    }
    return tuple(sorted(tracked | set(scan(folder))))
