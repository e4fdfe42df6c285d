"""What is locked, why it is there, and what is known to be wrong with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.program import Stub, stub
from turnout import deps
from turnout.deps import LOCKS
from turnout.errors import NotHere, TurnoutError
from turnout.paths import REPOSITORY

SOURCES = sorted({REPOSITORY / one.folder / source for one in LOCKS for source in one.sources})
HOLE = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What pip-audit says of each package; the test fills it in."""
    packages: list[dict[str, Any]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, json.dumps({"dependencies": packages}), "")

    monkeypatch.setattr(deps.subprocess, "run", run)
    return packages


@pytest.mark.parametrize("one", LOCKS, ids=lambda one: str(one.path))
def test_everything_that_is_locked_has_hashes(one: deps.Lock) -> None:
    text = one.file.read_text()

    assert deps.pins(one.file)
    for entry in text.split("\n    # via"):
        if "==" in entry:
            assert "--hash=sha256:" in entry


@pytest.mark.parametrize("one", LOCKS, ids=lambda one: str(one.path))
def test_the_lock_holds_what_its_sources_ask_for(one: deps.Lock) -> None:
    pinned = deps.pins(one.file)
    for source in one.sources:
        for line in (one.file.parent / source).read_text().splitlines():
            name = line.split("#")[0].strip().split(">")[0].split("[")[0].split("<")[0].strip()
            if name and not name.startswith("-"):
                assert name in pinned, f"{name} of {source}: run ./inv deps.lock"


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_dependency_says_what_it_is_for(source: Path) -> None:
    for line in source.read_text().splitlines():
        if line and not line.startswith(("#", "-")):
            assert "  # " in line.replace("#", " #", 1), f"{line} has no purpose beside it"


def test_an_upgrade_says_what_has_changed() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "2.1", "d": "4"}

    assert list(deps.differences(before, after)) == ["b 2 -> 2.1", "c 3 -> -", "d - -> 4"]


def test_pins_are_read_with_extras_and_markers(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(
        "psycopg[binary]==3.3 \\\n    --hash=sha256:aa\ntzdata==1 ; sys_platform == 'win32' \\\n"
        "wrapt==1 ; python_version < '3.12'\nwrapt==2 ; python_version >= '3.12'\n"
    )

    assert deps.pins(tmp_path / "lock.txt") == {"psycopg": "3.3", "tzdata": "1", "wrapt": "1, 2"}


def test_a_known_hole_is_told_with_its_names_and_where_it_is_fixed(
    answers: list[dict[str, Any]],
) -> None:
    answers += [{"name": "flask", "version": "1.0", "vulns": [HOLE]}]

    with pytest.raises(TurnoutError, match=r"flask 1.0: PYSEC-2026-1, CVE-2026-1, fixed in 2.0"):
        deps.audit()


def test_nothing_known_is_never_taken_for_nothing_wrong(answers: list[dict[str, Any]]) -> None:
    answers += [
        {"name": "flask", "version": "3.1", "vulns": []},
        {"name": "jinja2", "skip_reason": "not found"},
    ]

    with pytest.raises(NotHere, match="jinja2: not found"):
        deps.audit()


def test_a_clean_audit_says_how_much_it_looked_at(
    answers: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [{"name": "flask", "version": "3.1", "vulns": []}]

    deps.audit()

    assert f"{len(LOCKS)} locked packages, no known vulnerability" in capsys.readouterr().out


def test_an_audit_that_breaks_off_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = subprocess.CompletedProcess([], 1, "", "connection refused")
    monkeypatch.setattr(deps.subprocess, "run", lambda *_, **__: broken)

    with pytest.raises(NotHere, match="connection refused"):
        deps.audit()


def test_what_cannot_be_resolved_is_told_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deps, "REPOSITORY", tmp_path)
    (tmp_path / "requirements.in").write_text("flask>=2,<1\n")

    with pytest.raises(TurnoutError, match=r"requirements.txt cannot be locked"):
        deps.lock()


@pytest.fixture
def resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A uv that writes what the test says into the lock, in a repository with one .in file."""
    monkeypatch.setattr(deps, "REPOSITORY", tmp_path)
    monkeypatch.setattr(deps, "BIN", tmp_path / "bin")
    (tmp_path / "requirements.in").write_text("flask\n")
    (tmp_path / "requirements.txt").write_text("flask==3.0\n")
    return stub(tmp_path / "bin", "uv", monkeypatch)


def test_what_is_there_is_locked_and_nothing_else(
    resolver: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    deps.lock()

    (call,) = resolver.calls()
    assert "--universal --generate-hashes --python-version 3.11" in call
    assert "--upgrade" not in call
    assert capsys.readouterr().out == "requirements.txt is locked\n"


def test_an_upgrade_tells_what_is_newer_or_that_nothing_is(
    resolver: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolver.answers(f"echo flask==3.1 > {tmp_path}/requirements.txt")

    deps.upgrade()
    deps.upgrade()

    assert capsys.readouterr().out.splitlines() == [
        "requirements.txt:",
        "  flask 3.0 -> 3.1",
        "requirements.txt: nothing is newer",
    ]
