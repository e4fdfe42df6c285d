"""Each deploy leaves where its time went, and a table shows it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from turnout import timings
from turnout.bench import explain
from turnout.errors import TurnoutError
from turnout.progress import Progress


def started(task: str, host: str) -> dict[str, object]:
    return {"event": "runner_on_start", "event_data": {"host": host, "task": task}}


def ended(task: str, host: str, **result: object) -> dict[str, object]:
    return {"event": "runner_on_ok", "event_data": {"host": host, "task": task, "res": result}}


def played(now: float) -> Progress:
    """A run that began at ``now``: two hosts staged side by side, then one built."""
    progress = Progress(run_began=now, run_ended=now + 10)
    events = (
        (2.0, started("Stage the release", "web1")),
        (2.1, started("Stage the release", "web2")),
        (3.0, ended("Stage the release", "web1", seconds=0.4)),
        (4.1, ended("Stage the release", "web2", seconds=1.5)),
        (5.0, started("Build and test the artifact", "web1")),
        (8.0, ended("Build and test the artifact", "web1", seconds={"wheels": 2.0})),
    )
    for moment, event in events:
        progress.feed(event, now + moment)
    return progress


@pytest.fixture
def document() -> dict[str, object]:
    """What such a run leaves."""
    return timings.document("prod", "deploy", played(time.monotonic()))


def test_every_task_is_kept_with_its_host_and_what_the_host_worked(document: dict) -> None:
    assert [(t["host"], t["phase"], t["seconds"], t["reported"]) for t in document["tasks"]] == [
        ("web1", "Stage", 1.0, 0.4),
        ("web2", "Stage", 2.0, 1.5),
        ("web1", "Build", 3.0, {"wheels": 2.0}),
    ]


def test_the_time_around_the_tasks_has_names(document: dict) -> None:
    spans = {one["name"]: one["seconds"] for one in document["spans"]}

    assert spans["Ansible starts"] == 2.0
    assert spans["Ansible ends"] == 2.0
    assert spans["invoke starts"] > 0


def test_a_piece_of_the_controllers_work_is_noted_by_name() -> None:
    with timings.span("Ask what is live, for a test"):
        time.sleep(0.01)

    spans = timings.document("prod", "deploy", Progress())["spans"]
    assert [one["seconds"] >= 0.01 for one in spans if one["name"].endswith("test")] == [True]


def test_times_are_kept_as_a_file_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timings, "MOST_KEPT", 2)
    for number in range(3):
        (tmp_path / f"2025010{number}-prod-deploy-1.json").write_text("{}")

    file = timings.store("prod", "deploy", Progress(), tmp_path)

    assert json.loads(file.read_text())["env"] == "prod"
    assert [one.name for one in sorted(tmp_path.iterdir())] == [
        "20250102-prod-deploy-1.json",
        file.name,
    ]


def test_the_table_has_phases_tasks_and_parts_along_a_line_of_time() -> None:
    lines = explain.table(DOCUMENT).splitlines()

    assert lines[0] == "deploy of prod, 2026-01-01T00:00:00Z: 10.00 s"
    assert [" ".join(line.split()[:-1]) for line in lines[2:8]] == [
        "Ansible starts 0.00 2.00",
        "Stage 2.00 4.00 3.00",
        "Stage the release (2 hosts) 2.00 4.00 3.00",
        "Build 6.00 4.00",
        "Build the artifact 6.00 4.00",
        "wheels 6.00 3.00",
    ]
    assert lines[3].endswith("  " + " " * 8 + "█" * 16)


def test_the_table_adds_up_where_the_time_was_spent() -> None:
    assert explain.table(DOCUMENT).splitlines()[-3:] == [
        "  3.00 s worked by the slowest host",
        "  1.00 s in Ansible and SSH around that",
        "  6.00 s on the controller",
    ]


def test_without_a_deploy_there_is_nothing_to_explain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "DEPLOYS", tmp_path)
    monkeypatch.setattr(explain, "COPY", tmp_path)

    with pytest.raises(TurnoutError) as failure:
        explain.explain()

    assert "invoke deploy" in failure.value.next_step


def test_the_newest_deploy_is_explained_wherever_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, bench = tmp_path / "here", tmp_path / "copy/.turnout/deploys"
    monkeypatch.setattr(explain, "DEPLOYS", here)
    monkeypatch.setattr(explain, "COPY", tmp_path / "copy")
    for folder, env, age in ((here, "old", 100), (bench, "new", 0)):
        folder.mkdir(parents=True)
        file = folder / "20260101T000000-x-deploy-1.json"
        file.write_text(json.dumps(DOCUMENT | {"env": env}))
        moment = time.time() - age
        os.utime(file, (moment, moment))

    assert explain.explain().startswith("deploy of new,")


def task(name: str, host: str, phase: str, *times: float, reported: object) -> dict[str, object]:
    known = {"name": name, "host": host, "phase": phase, "reported": reported}
    return known | {"began": times[0], "seconds": times[1]}


DOCUMENT = {
    "env": "prod",
    "verb": "deploy",
    "ended": "2026-01-01T00:00:00Z",
    "seconds": 10.0,
    "spans": [{"name": "Ansible starts", "began": 0.0, "seconds": 2.0}],
    "tasks": [
        task("Stage the release", "web1", "Stage", 2.0, 3.0, reported=2.5),
        task("Stage the release", "web2", "Stage", 2.5, 3.5, reported=3.0),
        task("Build the artifact", "web1", "Build", 6.0, 4.0, reported={"wheels": 3.0}),
    ],
}
