"""Each suite measures every row that its tables show; the machine it measures is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

from turnout import deps
from turnout.bench import deploys, growth, inotify, memory, parts, scratch, stubs, vm
from turnout.bench.commands import Cost
from turnout.bench.peers import host, suite, team, tools
from turnout.bench.poller import Served
from turnout.bench.report import Report
from turnout.bench.serving import counted, sites, wrk
from turnout.bench.serving import suite as serving
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

DEV = REPOSITORY / "app/requirements-dev.txt"
COST = Cost(2.0, 1.0, 50.0, "")


class PlayedCopy:
    """A working copy in which every verb succeeds at once."""

    def __init__(self, path: Path) -> None:
        self.path, self.verbs = path, list[str]()
        (path / "app").mkdir()
        (path / "app/requirements.txt").write_text("gunicorn==23.0.0\n")

    def invoke(self, *arguments: str, **_: Any) -> Cost:
        self.verbs.append(" ".join(arguments))
        return COST

    prepare = invoke

    def configure(self, settings: str) -> None:
        self.verbs.append(settings.strip())

    def change_code(self) -> str:
        return "another version"

    def commit(self, message: str) -> None:
        pass


class PlayedMachine(SimpleNamespace):
    """A VM that does what it is told and says little."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, http_port=80, ssh_port=22, key="key", known_hosts="known")
        self.told: list[str] = []

    def do(self, *command: str, **_: Any) -> str:
        self.told.append(" ".join(command))
        return "nginx version: nginx/1.26.3\n"


def served(_port: int, _version: str, command: Callable[[], Cost], *_: str) -> Served:
    return Served(command(), 1.0, 0)


@pytest.fixture
def machine() -> PlayedMachine:
    return PlayedMachine("web1")


@pytest.fixture
def copy(tmp_path: Path, machine: PlayedMachine, monkeypatch: pytest.MonkeyPatch) -> PlayedCopy:
    """What every suite measures in; nothing of it reaches a real VM."""
    played = PlayedCopy(tmp_path)
    monkeypatch.setattr(scratch, "make", lambda: played)
    monkeypatch.setattr(vm, "machines", lambda *_: [machine, PlayedMachine("web2")])
    monkeypatch.setattr(vm, "verb", lambda copy, *arguments: copy.invoke(*arguments))
    monkeypatch.setattr(vm, "plain", lambda *_: COST)
    for measuring in (deploys, suite):
        monkeypatch.setattr(measuring, "until_served", served)
    monkeypatch.setattr(parts, "parts", lambda *_: dict.fromkeys(parts.NEEDED, lambda: 1.0))
    return played


@contextmanager
def watched(_root: int) -> Iterator[memory.Peak]:
    yield memory.Peak(70.0)


def rows(report: Report, table: str) -> dict[str, int]:
    """Return how often each row of a table was measured."""
    return {figure.name: len(figure.values) for figure in report.tables[table]}


def test_a_round_measures_whole_commands_and_their_parts(copy: PlayedCopy) -> None:
    report = deploys.measure(2)

    measured = rows(report, "whole command")
    assert {measured[name] for name in (deploys.CODE, deploys.NOTHING, deploys.COLD)} == {2}
    assert set(rows(report, "unavoidable part")) == {*parts.NEEDED, deploys.SUM}
    assert "| `rollback`, warm |" in report.markdown()


def test_every_cold_deploy_begins_without_environments_and_wheels(
    copy: PlayedCopy, machine: PlayedMachine
) -> None:
    deploys.measure(3)

    assert machine.told == [deploys.FORGET.format(app="hello")] * 3


def test_the_app_that_is_measured_has_forty_packages(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text((REPOSITORY / "app/requirements.txt").read_text())

    deploys.add_packages(lock)
    once = lock.read_text()
    deploys.add_packages(lock)

    pins = [line.rstrip(" \\") for line in once.splitlines() if line[:1].isalpha()]
    assert sum(_is_for_debian_12(Requirement(pin)) for pin in pins) == 40
    assert lock.read_text() == once
    # Its tests run with both locks, which must not differ in a version.
    assert not deps.pins(deploys.MORE_PACKAGES).keys() & deps.pins(DEV).keys()


def _is_for_debian_12(wanted: Requirement) -> bool:
    python = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux"}
    return wanted.marker is None or wanted.marker.evaluate(python)


@pytest.mark.parametrize(("rounds", "apart"), [(1, 0), (2, 1), (9, 3)])
def test_what_is_measured_apart_takes_few_rounds_and_a_single_one_goes_without(
    copy: PlayedCopy, rounds: int, apart: int
) -> None:
    measured = rows(deploys.measure(rounds), "whole command")

    with_tests = [one for one in copy.verbs if one == "deploy --env local"]
    assert len(with_tests) == apart
    assert measured.get(deploys.TESTS, 0) == measured.get(deploys.SOAK, 0) == apart


def test_each_number_of_hosts_is_deployed_to_in_every_round(
    copy: PlayedCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed: list[int] = []
    monkeypatch.setattr(inotify, "make_room", lambda _: None)
    monkeypatch.setattr(memory, "watched", watched)
    monkeypatch.setattr(stubs, "ready", lambda *_: None)
    monkeypatch.setattr(stubs, "add", lambda *words, **_: deployed.append(len(words[2])))
    stub = copy.path / stubs.APPS / growth.NAME / stubs.VERSION_FILE
    stub.parent.mkdir(parents=True)
    stub.write_text('__version__ = "1"\napp = None\n')

    report = growth.measure([1, 2], 2)

    assert deployed == [2, 1, 2, 1, 2]
    assert all(rows(report, cost) == {"1 host": 2, "2 hosts": 2} for cost in growth.UNITS)
    assert '__version__ = "bench-' in stub.read_text()
    assert copy.verbs.count("rollback --env growth") == 4


def test_sites_are_loaded_in_turn_and_one_that_cannot_be_set_up_is_left_out(
    copy: PlayedCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(_machine: Any, _port: int, host: str, _path: str, seconds: int) -> wrk.Outcome:
        if seconds == counted.SECONDS:
            loaded.append(host)
        return wrk.Outcome(1000.0, 1.0, 5.0, 5000, 0, 90.0)

    def ready(_copy: Any, name: str) -> None:
        if name == "stubsync":
            raise TurnoutError("It does not start.")

    monkeypatch.setattr(wrk, "load", load)
    for name in ("wait", "send", "_start"):
        monkeypatch.setattr(sites, name, lambda *_: None)
    monkeypatch.setattr(stubs, "add", lambda *_, **__: None)
    monkeypatch.setattr(stubs, "ready", ready)
    monkeypatch.setattr(stubs, "lock", lambda _copy, name, *_: "no wheel" * (name == "stubgevent"))

    report = serving.measure(2)

    trivial, realistic = (loaded.count(site) for site in ("stubthreads.localhost", "usual-hello"))
    assert trivial == realistic == 2
    assert [note for note in report.notes if note.endswith("It does not start.")]
    assert [note for note in report.notes if note.endswith("no wheel")]
    assert not {"stubsync.localhost", "stubgevent.localhost"} & {*loaded}


def test_without_our_own_site_nothing_is_compared(
    copy: PlayedCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ready(*_: Any) -> None:
        raise TurnoutError("It does not start.")

    monkeypatch.setattr(stubs, "add", lambda *_, **__: None)
    monkeypatch.setattr(stubs, "ready", ready)

    with pytest.raises(TurnoutError, match="does not start"):
        serving.measure(1)


def test_peers_deploy_once_uncounted_and_then_in_every_round(
    copy: PlayedCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tools.Tool("here", "the one that is here", ("here",), lambda: "")
    gone = tools.Tool("gone", "the one that is gone", ("gone",), lambda: "not on this machine")
    changes: list[str] = []
    repository = SimpleNamespace(
        path=copy.path, push=lambda: None, change_code=lambda: changes.append("") or "1"
    )
    monkeypatch.setattr(suite, "ALL", (here, gone))
    monkeypatch.setattr(host, "prepare", lambda *_: None)
    monkeypatch.setattr(host, "first_release", lambda *_: None)
    monkeypatch.setattr(team, "make", lambda *_: repository)

    report = suite.measure(2)

    assert rows(report, suite.SERVED) == {suite.US: 2, here.name: 2}
    assert len(changes) == 3
    assert f"{gone.name} was left out: not on this machine" in report.notes
