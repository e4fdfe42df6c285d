"""What is read from nginx's log: every request once, by the slot that it went to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from turnout_host import access_log
from turnout_host.access_log import Log, Tally

NOON = 1_700_000_000
LANES = {"00": "blue", "19": "green"}
Write = Callable[..., None]


def entry(second: float = 0, **changes: Any) -> dict[str, Any]:
    """Return a line as nginx writes it."""
    when = datetime.fromtimestamp(NOON + int(second), UTC).isoformat()
    return {
        "time": when, "method": "GET", "uri": "/", "status": 200, "seconds": 0.5,
        "header_seconds": "0.010", "lane": "unix:/srv/hello/live/00.sock",
        "agent": "", "client": "192.0.2.7",
        "release": "blue/r1", **changes,
    }  # fmt: skip


def text(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hello.access.log"


def seconds(log: Log) -> list[int]:
    return [int(line["unix"]) - NOON for line in log.new_lines()]


def test_each_request_is_read_once(path: Path) -> None:
    path.write_text(text(entry(1), entry(2)))
    log = Log(path, NOON)

    assert seconds(log) == [1, 2]
    assert seconds(log) == []
    with path.open("a") as stream:
        stream.write(text(entry(3)))
    assert seconds(log) == [3]


def test_what_ended_before_is_passed_over(path: Path) -> None:
    path.write_text(text(*(entry(second) for second in range(100))))

    assert seconds(Log(path, NOON + 97)) == [97, 98, 99]
    assert seconds(Log(path, NOON + 97.9)) == [97, 98, 99]


@pytest.mark.parametrize("since", [-5, 0, 1, 500, 998, 999, 1000, 2000])
def test_the_beginning_is_found_in_a_long_log(path: Path, since: int) -> None:
    lines = [json.dumps(entry(second)).encode() + b"\n" for second in range(1000)]
    path.write_bytes(b"".join(lines))
    before = min(max(since, 0), 1000)

    with path.open("rb") as stream:
        assert access_log.offset_of(stream, NOON + since) == sum(map(len, lines[:before]))


def test_lines_of_the_last_second_may_come_out_of_order(path: Path) -> None:
    path.write_text(text(entry(10), entry(9), entry(12), entry(11)))

    assert seconds(Log(path, NOON + 11)) == [12, 11]


def test_a_line_that_nginx_is_still_writing_is_read_when_it_is_whole(path: Path) -> None:
    whole = text(entry(1))
    path.write_text(whole + whole[:40])
    log = Log(path, NOON)

    assert seconds(log) == [1]
    assert seconds(log) == []
    with path.open("a") as stream:
        stream.write(whole[40:])
    assert seconds(log) == [1]


def test_a_torn_line_in_the_middle_costs_no_other(path: Path) -> None:
    path.write_text(text(entry(1)) + '{"time":"2026\n\n[]\n' + text(entry(2)))

    assert seconds(Log(path, NOON)) == [1, 2]


def test_a_rotated_log_is_read_to_its_end_and_then_the_new_one(path: Path) -> None:
    path.write_text(text(entry(1)))
    log = Log(path, NOON)
    assert seconds(log) == [1]

    rotated = path.rename(path.with_name("hello.access.log.1"))
    path.write_text(text(entry(3)))
    with rotated.open("a") as stream:  # nginx has not opened the new one yet
        stream.write(text(entry(2)))
    assert seconds(log) == [2, 3]

    with rotated.open("a") as stream:
        stream.write(text(entry(4)))
    assert seconds(log) == [4]


def test_a_log_that_was_rotated_a_moment_ago_is_read_as_well(path: Path) -> None:
    path.with_name("hello.access.log.1").write_text(text(entry(1), entry(8), entry(9)))
    path.write_text(text(entry(10)))

    assert seconds(Log(path, NOON + 8)) == [8, 9, 10]


def test_a_log_that_was_emptied_in_its_place_is_read_from_its_beginning(path: Path) -> None:
    path.write_text(text(entry(1), entry(2)))
    log = Log(path, NOON)
    assert seconds(log) == [1, 2]

    path.write_text(text(entry(3)))

    assert seconds(log) == [3]


def test_a_log_that_begins_later_is_no_trouble(path: Path) -> None:
    log = Log(path, NOON)
    assert seconds(log) == []

    path.write_text(text(entry(1)))

    assert seconds(log) == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"agent": "turnout-health", "client": "127.0.0.1"},
        {"agent": "turnout-probe", "client": "::1"},
        {"release": "", "lane": ""},
    ],
    ids=["our own question", "the probe's", "static file"],
)
def test_what_no_visitor_asked_the_app_does_not_count(path: Path, change: dict[str, Any]) -> None:
    path.write_text(text(entry(1, **change), entry(2)))

    assert seconds(Log(path, NOON)) == [2]


def test_a_visitor_who_takes_our_name_counts(path: Path) -> None:
    path.write_text(text(entry(1, agent="turnout-health")))

    assert seconds(Log(path, NOON)) == [1]


def test_a_log_of_an_earlier_version_is_understood(path: Path) -> None:
    line = {key: value for key, value in entry(1).items() if key not in ("lane", "agent")}
    path.write_text(text(line))

    (read,) = Log(path, NOON).new_lines()
    assert access_log.slot_of(read, LANES) == "blue"


@pytest.mark.parametrize(
    ("change", "slot"),
    [
        ({}, "blue"),
        # It was in flight when the lanes changed: who answered counts.
        ({"release": "green/r2"}, "green"),
        # Nobody answered, or one that does not name its slot: the lane counts.
        ({"release": "", "lane": "unix:/srv/hello/live/19.sock"}, "green"),
        ({"release": "uvicorn", "lane": "unix:/srv/hello/live/00.sock"}, "blue"),
        (
            {"release": "", "lane": "unix:/srv/hello/live/00.sock, unix:/srv/hello/live/19.sock"},
            "green",
        ),
        ({"release": "", "lane": "turnout_hello"}, None),
        ({"release": "gunicorn", "lane": "unix:/srv/hello/live/07.sock"}, None),
    ],
)
def test_a_request_belongs_to_whoever_answered_or_should_have(
    change: dict[str, Any], slot: str | None
) -> None:
    assert access_log.slot_of(entry(**change), LANES) == slot


@pytest.mark.parametrize(
    ("change", "tried"),
    [
        ({}, [("blue", 200)]),
        (
            {"lane": "unix:/a/19.sock, unix:/a/00.sock", "upstream_status": "502, 200"},
            [("green", 502), ("blue", 200)],
        ),
        # Both failed.
        (
            {
                "lane": "unix:/a/19.sock, unix:/a/00.sock", "upstream_status": "502, 502",
                "release": "", "status": 502,
            },
            [("green", 502), ("blue", 502)],
        ),
        # The app has sent nginx on to another of its addresses: nothing failed.
        (
            {"lane": "unix:/a/00.sock : unix:/a/00.sock", "upstream_status": "200 : 200"},
            [("blue", 200)],
        ),
    ],
)  # fmt: skip
def test_a_lane_that_failed_counts_though_another_one_answered(
    change: dict[str, Any], tried: list[tuple[str, int]]
) -> None:
    found = list(access_log.tries(entry(**change)))

    assert [(access_log.slot_of(one, LANES), one["status"]) for one in found] == tried


def test_a_lane_that_failed_took_its_own_time() -> None:
    line = entry(
        lane="unix:/a/19.sock, unix:/a/00.sock",
        upstream_status="502, 200",
        header_seconds="0.500, 0.010",
    )

    failed, answered = map(tally, access_log.tries(line))

    assert failed.sample().p95_seconds == 0.5
    assert answered.sample().p95_seconds == 0.01


def tally(*lines: dict[str, Any]) -> Tally:
    counted = Tally()
    for line in lines:
        counted.add({**line, "unix": NOON})
    return counted


def test_statuses_from_500_on_are_failures_and_no_others() -> None:
    sample = tally(*(entry(status=status) for status in (200, 404, 499, 500, 502, 504))).sample()

    assert (sample.requests, sample.failed) == (6, 3)


def test_p95_is_what_95_of_100_answers_keep_to() -> None:
    sample = tally(*(entry(header_seconds=f"{n / 1000}") for n in range(1, 101))).sample()

    assert sample.p95_seconds == 0.095


def test_an_answer_counts_by_its_beginning_and_what_never_began_by_its_end() -> None:
    assert tally(entry(header_seconds="0.020", seconds=9.0)).sample().p95_seconds == 0.02
    assert tally(entry(header_seconds="-", seconds=9.0)).sample().p95_seconds == 9.0
    assert tally(entry(header_seconds="-, 0.030", seconds=9.0)).sample().p95_seconds == 0.03
    assert tally(entry(header_seconds="0.010 : 0.020")).sample().p95_seconds == 0.02
    assert tally(entry(header_seconds="", seconds="")).sample().p95_seconds == 0.0


def test_of_nothing_there_is_no_figure() -> None:
    assert Tally().sample(restarts=1).p95_seconds == 0.0
    assert Tally().evidence() == ""


def test_evidence_names_the_latest_failures_and_the_slowest_requests() -> None:
    failing = [entry(second, status=502, uri=f"/f{second}") for second in range(20)]
    slow = [entry(header_seconds=f"{second}", uri=f"/s{second}") for second in range(20)]

    told = tally(*failing, *slow).evidence()

    failed, slowest = told.split("\n\n")[::-1]
    assert failed.startswith("Failed last:\n")
    assert [f"/f{n} " in failed for n in (11, 12, 19)] == [False, True, True]
    assert slowest.startswith("Slowest:\n")
    assert [f"/s{n} " in slowest for n in (11, 12, 19)] == [False, True, True]
