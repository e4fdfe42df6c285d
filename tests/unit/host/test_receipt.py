"""What the probe has recorded comes to figures that say how a deploy was for visitors."""

from __future__ import annotations

from typing import Any

import pytest

from turnout_host import receipt
from turnout_host.recording import Recording

HEAD = {
    "began": 990.0, "action": "deploy", "release": "r2", "previous_release": "r1",
    "slot": "blue", "rate": 20,
}  # fmt: skip
MOVED = {"mark": "moved", "time": 1000.1, "at": 1000.0, "took": 0.0021, "to": "green"}


def sample(sent: float, by: str = "green/r2", ms: float = 2.0, problem: str = "") -> dict[str, Any]:
    status = 0 if problem else 200
    return {"sent": sent, "ms": ms, "status": status, "by": by, "problem": problem}


def made(
    *samples: dict[str, Any], marks: tuple[dict[str, Any], ...] = (MOVED,), **head: Any
) -> receipt.Receipt:
    recording = Recording({**HEAD, **head}, list(samples), list(marks))
    return {**receipt.make(recording, {"outcome": "live"}), "finished": True}


def test_requests_and_those_that_failed_are_counted_and_failures_are_told() -> None:
    found = made(sample(999), sample(1001, problem="no answer within 5 s"), sample(1002))

    assert (found["requests"], found["failed"]) == (3, 1)
    assert found["failures"][0]["seconds"] == 1.0
    assert found["failures"][0]["problem"] == "no answer within 5 s"


def test_latencies_are_those_of_right_answers() -> None:
    good = [sample(1000 + number, ms=float(number)) for number in range(1, 101)]
    found = made(*good, sample(1200, ms=5000.0, problem="no answer within 5 s"))

    assert (found["p50_ms"], found["p99_ms"]) == (50.0, 99.0)


def test_the_longest_gap_lasts_from_the_first_failure_to_the_next_right_answer() -> None:
    found = made(
        sample(1000), sample(1001, problem="HTTP 502"), sample(1002, problem="HTTP 502"),
        sample(1003, ms=10.0), sample(1060),
    )  # fmt: skip

    # A second's pause between two requests is no gap: nobody waited.
    assert found["longest_gap_ms"] == 2010.0


def test_requests_that_fail_to_the_end_are_a_gap_too() -> None:
    found = made(sample(1000), sample(1001, problem="HTTP 502"), sample(1004, problem="HTTP 502"))

    assert found["longest_gap_ms"] == 3002.0


def test_the_last_old_answer_counts_from_the_instant_of_the_switch() -> None:
    found = made(sample(999.9, "blue/r1"), sample(1000.3, "blue/r1"), sample(1000.35))

    assert found["last_old_answer_ms"] == pytest.approx(300)
    assert found["switch_ms"] == 2.1


def test_no_old_answer_after_the_switch_is_zero() -> None:
    assert made(sample(999.9, "blue/r1"), sample(1000.1))["last_old_answer_ms"] == 0.0


def test_workers_that_do_not_name_their_release_leave_the_last_old_answer_unknown() -> None:
    found = made(sample(999.9, ""), sample(1000.1, "uvicorn"))

    assert found["last_old_answer_ms"] is None
    assert "last old answer unknown" in receipt.words(found)


def test_what_answers_after_the_way_back_is_no_late_answer() -> None:
    back = {"mark": "back", "time": 1060.0}
    found = made(sample(1000.1, "blue/r1"), sample(1061, "blue/r1"), marks=(MOVED, back))

    assert found["last_old_answer_ms"] == pytest.approx(100)
    assert "went back 60.0 s after it" in receipt.words(found)


def test_no_request_is_said_in_words_and_why() -> None:
    assert receipt.words(made(rate=0)) == ("no request seen (app_probe_rate is 0); switch 2.1 ms")
    assert receipt.words(made(rate=20)).startswith("no request seen (the probe did not run)")
    begun = {**made(rate=20), "finished": False}
    assert receipt.words(begun).startswith("no request seen (the probe only begins)")


def test_figures_that_are_not_final_say_so() -> None:
    so_far = {**made(sample(999, "blue/r1")), "finished": False}

    assert receipt.words(so_far).startswith("so far 1 request, 0 failed; ")
    assert receipt.words(so_far).endswith(", last old answer open")


def test_traffic_that_never_moved_is_said() -> None:
    assert receipt.words(made(sample(995, "blue/r1"), marks=())).endswith("; traffic never moved")


def test_a_canary_that_went_back_is_said_with_its_largest_share() -> None:
    shares = [{"mark": "share", "time": 996, "at": 996, "percent": n} for n in (5, 25)]

    said = receipt.words(made(sample(995, "blue/r1"), marks=tuple(shares)))

    assert said.endswith("; traffic moved up to 25 % and back")


def test_figures_are_said_in_a_line() -> None:
    assert receipt.words(made(sample(999, "blue/r1", 1.26), sample(1001, ms=1204.0))) == (
        "2 requests, 0 failed; p50 1.3 ms, p99 1.2 s, longest gap 1.2 s; "
        "switch 2.1 ms, last old answer 0 ms after it"
    )


def test_of_a_day_in_which_a_slot_is_warm_few_samples_are_kept_and_every_failure() -> None:
    day = [sample(1000.0 + second) for second in range(86400)]
    day[50_001] = sample(51_001.0, problem="HTTP 502")

    found = made(*day)

    assert found["requests"] == 86400
    assert len(found["samples"]) < 700
    assert [point[0] for point in found["samples"] if point[2] == "failed"] == [50_001.0]
