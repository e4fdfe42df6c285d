"""What makes a deploy one transaction over the fleet stands in the shape of its play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Values

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
PHASES = ["Preflight", "Build", "Stage", "Migrate", "Start", "Switch", "Commit"]


BACK = ["Preflight", "Recall", "Start", "Switch", "Commit"]
TRANSACTIONS = {"deploy": PHASES, "rollback": BACK}


@pytest.fixture(params=TRANSACTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def play(name: str) -> dict[str, Any]:
    (play,) = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))
    return dict(play)


@pytest.fixture
def transaction(play: dict[str, Any]) -> dict[str, Any]:
    return dict(play["tasks"][-1])


def test_failure_of_one_host_ends_it_on_all(play: dict[str, Any]) -> None:
    assert play["any_errors_fatal"] is True


@pytest.mark.parametrize("word", ["serial", "max_fail_percentage", "strategy"])
def test_nothing_lets_hosts_go_ahead_of_the_others(play: dict[str, Any], word: str) -> None:
    assert word not in play


def phases(tasks: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(task["name"].split()[0] for task in tasks))


def test_phases_come_in_order_and_each_for_all_hosts(
    name: str, play: dict[str, Any], transaction: dict[str, Any]
) -> None:
    assert phases([*play["tasks"][:-1], *transaction["block"]]) == TRANSACTIONS[name]


def test_only_phases_that_change_a_host_are_gone_back_from(play: dict[str, Any]) -> None:
    assert set(phases(play["tasks"][:-1])) <= {"Preflight", "Build"}


def test_every_host_goes_back_and_the_failure_stays_a_failure(transaction: dict[str, Any]) -> None:
    back, report = transaction["rescue"]

    assert back["ansible.builtin.import_tasks"].endswith("/revert.yml")
    assert "ansible.builtin.fail" in report


def test_nothing_swallows_an_error() -> None:
    for playbook in PLAYBOOKS.glob("*.yml"):
        text = playbook.read_text(encoding="utf-8")
        assert "ignore_errors" not in text
        assert "ignore_unreachable" not in text


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.stem)
def test_playbook_says_how_to_run_it_without_invoke(playbook: Path) -> None:
    header = playbook.read_text(encoding="utf-8").split("- name:")[0]

    assert "ansible-playbook -i inventories/" in header
    assert f"playbooks/{playbook.name}" in header


TASKS = PLAYBOOKS.parent / "roles/release/tasks"


@pytest.mark.parametrize("phase", ["migrate", "start", "switch"])
def test_a_host_that_is_alone_is_told_the_same_in_one_call(phase: str) -> None:
    (task, *_) = yaml.safe_load((TASKS / f"{phase}.yml").read_text(encoding="utf-8"))
    variables = yaml.safe_load((TASKS.parent / "vars/main.yml").read_text(encoding="utf-8"))
    (call,) = (one for one in variables["__release_then"] if one["phase"] == phase)

    assert {"app": "{{ release_app }}", **call["parameters"]} == task[f"turnout_{phase}"]
    assert "not __release_is_alone" in str(task["when"])


def test_a_host_that_is_alone_goes_on_in_the_order_of_the_play() -> None:
    variables = yaml.safe_load((TASKS.parent / "vars/main.yml").read_text(encoding="utf-8"))

    order = [call["phase"] for call in variables["__release_then"]]

    assert [phase.capitalize() for phase in order] == PHASES[3:6]


def test_a_batch_switches_as_the_whole_fleet_does() -> None:
    (whole, _) = yaml.safe_load((TASKS / "switch.yml").read_text(encoding="utf-8"))
    (batch,) = yaml.safe_load((TASKS / "switch_batch.yml").read_text(encoding="utf-8"))

    assert batch["turnout_switch"] == whole["turnout_switch"]


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        (0, [5]),
        ("0", [5]),
        (1, [1, 1, 1, 1, 1]),
        ("2", [2, 2, 1]),
        (9, [5]),
        ("25%", [2, 2, 1]),
        ("1%", [1, 1, 1, 1, 1]),
        ("100%", [5]),
    ],
)
def test_batches_are_so_many_hosts_or_such_a_share(
    values: Values, said: Any, sizes: list[int]
) -> None:
    hosts = [f"web{number}" for number in range(1, 6)]

    batches = values(
        "release", "__release_batches", release_batch=said, ansible_play_hosts_all=hosts
    )

    assert [len(batch) for batch in batches] == sizes
    assert [host for batch in batches for host in batch] == hosts
