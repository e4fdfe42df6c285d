"""Each flag of the bench means one suite; a missing program is installed, or said to be missing."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from turnout.bench import debian, deploys, growth, suites
from turnout.bench.peers import suite as peers
from turnout.bench.serving import suite as serving
from turnout.errors import TurnoutError

SUITES = {
    "deploys": (deploys, {}, (3,)),
    "peers": (peers, {"peers": True}, (3,)),
    "serving": (serving, {"serving": True}, (3,)),
    "growth": (growth, {"growth": "1,4"}, ([1, 4], 3)),
}


@pytest.mark.parametrize(("module", "flags", "told"), SUITES.values(), ids=SUITES.keys())
def test_a_flag_chooses_its_suite_with_as_many_rounds_as_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, module: Any, flags: dict[str, Any], told: tuple[Any, ...]
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "measure", lambda *how: asked.append(how))

    suites.chosen(3, **flags)()

    assert [tuple(map(_plain, how)) for how in asked] == [told]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def test_two_suites_at_once_are_refused() -> None:
    with pytest.raises(TurnoutError, match="One suite at a time"):
        suites.chosen(3, peers=True, growth="1,2")


class Machine:
    """Programs that are there, and what apt-get would bring."""

    def __init__(self, *there: str, brings: str = "") -> None:
        self.there, self.brings, self.ran = set(there), brings, list[str]()

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.there else None

    def run(self, argv: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        self.ran.append(" ".join(argv))
        if "install" in argv:
            self.there |= {self.brings}
        return subprocess.CompletedProcess(argv, 0)


def on(monkeypatch: pytest.MonkeyPatch, machine: Machine, user: int = 0) -> Machine:
    monkeypatch.setattr(debian.shutil, "which", machine.which)
    monkeypatch.setattr(debian.subprocess, "run", machine.run)
    monkeypatch.setattr(debian.os, "geteuid", lambda: user)
    return machine


def test_a_program_that_is_there_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = on(monkeypatch, Machine("wrk", "apt-get"))

    assert debian.is_here("wrk")
    assert machine.ran == []


def test_root_gets_a_missing_program_from_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = on(monkeypatch, Machine("apt-get", brings="cap"))

    assert debian.is_here("cap", "capistrano")
    assert machine.ran[0].endswith("update")
    assert machine.ran[1].endswith("capistrano")


@pytest.mark.parametrize(("there", "user"), [(("apt-get",), 1000), ((), 0)])
def test_without_root_or_debian_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], user: int
) -> None:
    machine = on(monkeypatch, Machine(*there), user)

    assert not debian.is_here("cap")
    assert machine.ran == []


def test_a_package_that_brings_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, Machine("apt-get", brings="something else"))

    assert not debian.is_here("cap")


def test_the_report_says_where_it_is_kept_and_how_to_remove_the_vms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Report:
        suite = "growth"

        def markdown(self) -> str:
            return "| figures |"

    file = suites.REPOSITORY / ".turnout/bench/x-growth.json"
    monkeypatch.setattr(suites, "store", lambda report: Path(file))
    monkeypatch.setattr(suites.record, "check", lambda report: ["as on record"])

    suites.bench(Report, check=True)  # type: ignore[arg-type]

    said = capsys.readouterr().out
    for words in ("| figures |", ".turnout/bench/x-growth.json", "--lab growth", "as on record"):
        assert words in said
