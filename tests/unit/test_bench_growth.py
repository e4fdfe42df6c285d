"""A deploy to more hosts is held against one to a single host; one suite runs at a time."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from turnout.bench import growth, inotify, memory, suites
from turnout.bench.figures import Samples
from turnout.errors import TurnoutError


def test_numbers_of_hosts_are_sorted_and_counted_once() -> None:
    assert growth.parse("4,1,16,4") == [1, 4, 16]


@pytest.mark.parametrize("text", ["", "two", "0", "17", "1,,2"])
def test_what_is_no_list_of_hosts_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(TurnoutError) as failure:
        growth.parse(text)

    assert "1,2,4,8,16" in failure.value.next_step


def measured(*numbers: int) -> dict[str, Samples]:
    """Costs that grow: the clock by half a second a host, the processor by one."""
    samples = {what: Samples() for what in growth.UNITS}
    for hosts in numbers:
        for what, value in (
            (growth.WALL, 4.5 + hosts / 2),
            (growth.BACK, 1.0 + hosts / 4),
            (growth.PROCESSOR, 2.0 + hosts),
            (growth.MEMORY, 100.0),
            (growth.LARGEST, 70.0),
        ):
            samples[what].add(growth.label(hosts), value)
    return samples


def test_sixteen_hosts_have_a_goal_beside_one_host() -> None:
    report = growth.report(measured(1, 2, 16), [1, 2, 16], 1, "here")

    ratios = {one.name: one for one in report.ratios}
    assert ratios["seconds by the clock: 16 hosts / 1 host"].value == 2.5
    assert ratios["seconds by the clock: 16 hosts / 1 host"].goal == 4.0
    assert ratios["seconds of the controller's processor: 16 hosts / 1 host"].value == 6.0
    assert ratios["seconds by the clock: 2 hosts / 1 host"].goal is None
    assert ratios["seconds by the clock, `rollback`, warm: 16 hosts / 1 host"].value == 4.0
    assert ratios["memory of all its processes: 16 hosts / 1 host"].value == 1.0


def test_without_one_host_there_is_no_goal_to_miss() -> None:
    report = growth.report(measured(2, 16), [2, 16], 1, "here")

    assert {one.goal for one in report.ratios} == {None}
    assert "--growth 2,16" in report.command


def test_the_descendants_of_a_process_are_found_at_any_depth() -> None:
    assert memory.descendants(1, {2: 1, 3: 2, 4: 3, 5: 9}) == {2, 3, 4}


def test_the_memory_of_a_child_is_seen(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "30"]) as child:
        try:
            found = memory.descendants(os.getpid(), memory.parents())
            assert child.pid in found
            assert memory.held({child.pid}) > 0
        finally:
            child.kill()


def test_the_most_that_a_command_held_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PAUSE_SECONDS", 0.01)
    with subprocess.Popen(["sleep", "30"]) as child, memory.watched(os.getpid()) as peak:
        while not peak.megabytes:
            time.sleep(0.01)
        child.kill()

    assert 0 < peak.megabytes < 100


def test_a_process_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert memory.held({1}, tmp_path) == 0


def test_two_suites_at_once_are_refused() -> None:
    with pytest.raises(TurnoutError, match="One suite at a time"):
        suites.chosen(1, peers=True, growth="1,2")


def test_the_kernels_limit_is_raised_for_many_vms_only(tmp_path: Path) -> None:
    limit = tmp_path / "limit"
    limit.write_text("128\n")

    inotify.make_room(2, limit)
    assert limit.read_text() == "128\n"
    inotify.make_room(16, limit)
    assert limit.read_text() == "192\n"


def test_a_limit_that_may_not_be_raised_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "limit"
    limit.write_text("128\n")

    def refuse(*_: object) -> int:
        raise PermissionError("only root")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(TurnoutError) as failure:
        inotify.make_room(16, limit)

    assert failure.value.next_step == "sudo sysctl fs.inotify.max_user_instances=192"
