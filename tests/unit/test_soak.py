"""The long run of faults can be repeated, and says what it went through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import soak, soak_deploys
from tests.lab.faults import FAULTS
from tests.lab.fleet import ORDER, UNDER_WAY
from tests.lab.soak import PART, Instant, Outcome, plan, summary, table
from turnout.stages import soak_stage
from turnout_host import phases

KILLED = "the controller is killed"


def outcome(number: int, phase: str, *complaints: str) -> Outcome:
    instant = Instant(number, "deploy", KILLED, 1.0, "recover", 1)
    return Outcome(instant, phase, requests=100, failed=len(complaints), complaints=[*complaints])


def test_a_seed_decides_every_instant() -> None:
    assert [plan(7, number, 3) for number in range(50)] == [plan(7, n, 3) for n in range(50)]
    assert plan(7, 1, 3) != plan(8, 1, 3)


def test_every_fault_and_both_plays_come_and_the_database_is_spared() -> None:
    planned = [plan(1, number, 3) for number in range(200)]

    assert {one.fault for one in planned} == set(FAULTS)
    assert {one.action for one in planned} == {"deploy", "rollback"}
    assert {one.host for one in planned} == {1, 2}
    assert {one.by for one in planned if one.action == "rollback"} == {"playbook", "invoke"}
    assert all(PART[0] <= one.part <= PART[1] for one in planned)


def test_every_phase_of_the_host_that_takes_time_has_a_place_in_the_table() -> None:
    changing = set(phases.PHASES) - set(phases.READING) - {"take", "renew"}

    assert changing <= set(UNDER_WAY)
    assert set(UNDER_WAY.values()) < set(ORDER)


def test_the_table_counts_faults_by_phase() -> None:
    lines = table([outcome(1, "Start"), outcome(2, "Start"), outcome(3, "after")]).splitlines()

    (row,) = (line for line in lines if KILLED in line)
    cells = dict(zip(ORDER, (cell.strip() for cell in row.split("|")[2:-1]), strict=True))
    assert {phase: count for phase, count in cells.items() if count} == {"Start": "2", "after": "1"}


def test_the_last_line_names_the_bad_instants() -> None:
    good, bad = outcome(1, "Start"), outcome(17, "Switch", "web2: 502")

    assert summary([good], 7).endswith("seed 7: 100 requests, 0 failed; bad instants: none")
    assert summary([good, bad], 7).endswith("200 requests, 1 failed; bad instants: 17")


def test_a_run_that_was_interrupted_goes_on_and_counts_what_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SOAKS", tmp_path)
    before = [outcome(number, "Start") for number in (1, 2, 3)]
    soak._keep(before, 7)

    assert soak._kept(7, 3) == before[:2]
    assert soak._kept(7, 1) == []
    assert soak_stage(5, 7, 3, first=3).command[-2:] == ("--first", "3")


def test_without_a_seed_the_run_chooses_one() -> None:
    assert "--seed" not in soak_stage(5, 0, 3).command
    assert soak_stage(5, 7, 2).command[-2:] == ("--seed", "7")


def seen(told: float | None, late: float, failed: int = 0) -> soak_deploys.Seen:
    receipt = {"requests": 40, "failed": failed, "switch_ms": 1.5, "last_old_answer_ms": told}
    return soak_deploys.Seen("web1", 2, receipt, late)


def test_receipts_must_agree_with_an_independent_load() -> None:
    reports = [{"requests": 900, "failed": 0}]

    words, held = soak_deploys.verdict([seen(120.0, 0.1), seen(None, 0.0)], reports)

    assert held
    assert words.startswith("2 deploys of 1 hosts: 900 requests, 0 failed; receipts: 80 requests")
    assert not soak_deploys.verdict([seen(1200.0, 0.1)], reports)[1]
    assert not soak_deploys.verdict([seen(0.0, 0.0, failed=1)], reports)[1]
    assert not soak_deploys.verdict([seen(0.0, 0.0)], [{"requests": 900, "failed": 1}])[1]


def test_deploys_alone_are_a_run_of_their_own() -> None:
    assert soak_stage(200, 0, 3, 50).command[2:] == (
        "tests.lab.soak_deploys", "--deploys", "50", "--hosts", "3",
    )  # fmt: skip
