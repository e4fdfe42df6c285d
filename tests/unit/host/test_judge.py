"""When a release does worse than the one beside it, and when that is only chance."""

from __future__ import annotations

from typing import Any

import pytest

from turnout_host import judge
from turnout_host.judge import Limits, Sample

GOOD = Sample(requests=1000, failed=0, p95_seconds=0.1)
NOBODY = Sample()
LIMITS = Limits(requests=20, failed=0.02, latency=2.0)


def objection(baseline: Sample = GOOD, limits: Limits = LIMITS, **candidate: Any) -> str:
    return judge.objection(Sample(**candidate), baseline, limits) or ""


def test_a_release_that_does_as_well_goes_on() -> None:
    assert judge.objection(GOOD, GOOD, LIMITS) is None


def test_a_release_that_does_better_goes_on() -> None:
    assert objection(Sample(1000, 500, 5.0), requests=1000, failed=1, p95_seconds=0.01) == ""


@pytest.mark.parametrize("requests", [0, 1, 10_000])
def test_a_main_process_that_was_started_again_is_enough(requests: int) -> None:
    assert "main process ended" in objection(requests=requests, restarts=1)
    assert "main process ended" in objection(NOBODY, requests=requests, restarts=1)


@pytest.mark.parametrize(
    ("requests", "failed", "objects"),
    [
        (100, 2, False),  # as much as is allowed
        (150, 3, False),  # 2.0 %, exactly
        (149, 3, True),
        (1000, 20, False),
        (1000, 21, True),
        (3, 3, True),  # few requests, and not one was well
        (2, 2, False),  # two of two may be bad luck
        (20, 2, False),
    ],
)
def test_failures_count_from_three_on_and_from_two_percent_on(
    requests: int, failed: int, objects: bool
) -> None:
    said = objection(requests=requests, failed=failed, p95_seconds=0.1)

    assert bool(said) == objects
    if objects:
        assert f"{failed} of its {requests} requests failed" in said


@pytest.mark.parametrize(("failed", "objects"), [(70, False), (71, True)])
def test_what_fails_beside_it_as_well_is_not_its_fault(failed: int, objects: bool) -> None:
    half_broken = Sample(requests=1000, failed=50, p95_seconds=0.1)

    said = objection(half_broken, requests=1000, failed=failed, p95_seconds=0.1)

    assert bool(said) == objects
    if objects:
        assert "5.0% of the other release's and 2.0% more are allowed" in said


@pytest.mark.parametrize("baseline", [NOBODY, Sample(requests=19, failed=19, p95_seconds=0.001)])
def test_without_a_baseline_a_release_is_judged_by_its_failures_alone(baseline: Sample) -> None:
    assert "none and 2.0% more are allowed" in objection(baseline, requests=100, failed=3)
    assert objection(baseline, requests=100, failed=2, p95_seconds=60.0) == ""


@pytest.mark.parametrize(
    ("p95", "objects"), [(0.1, False), (0.2, False), (0.25, False), (0.251, True), (3.0, True)]
)
def test_latency_may_be_twice_the_others_and_fifty_milliseconds(p95: float, objects: bool) -> None:
    said = objection(requests=100, p95_seconds=p95)

    assert bool(said) == objects
    if objects:
        assert said.endswith("the other release's 100 ms (250 ms are allowed)")


def test_a_page_of_a_millisecond_may_take_fifty() -> None:
    quick = Sample(requests=1000, p95_seconds=0.001)

    assert objection(quick, requests=100, p95_seconds=0.052) == ""
    assert objection(quick, requests=100, p95_seconds=0.053)


@pytest.mark.parametrize("requests", [0, 1, 19])
def test_latency_of_a_few_requests_says_nothing(requests: int) -> None:
    assert objection(requests=requests, p95_seconds=60.0) == ""


def test_the_first_slow_requests_of_a_process_do_not_end_a_watch() -> None:
    slow = Sample(requests=100, p95_seconds=60.0)

    assert judge.failing(slow, GOOD, LIMITS) is None
    assert judge.objection(slow, GOOD, LIMITS)


def test_failures_end_a_watch_at_once() -> None:
    broken = Sample(requests=10, failed=10)

    assert judge.failing(broken, GOOD, LIMITS) == judge.objection(broken, GOOD, LIMITS)


def test_limits_are_the_teams() -> None:
    strict = Limits(requests=1, failed=0.0, latency=1.0)

    assert objection(limits=strict, requests=1000, failed=3, p95_seconds=0.1)
    assert objection(limits=strict, requests=1, p95_seconds=0.151)
    assert objection(limits=Limits(failed=0.5), requests=100, failed=50, p95_seconds=0.1) == ""


def test_too_few_requests_pass_and_it_is_said() -> None:
    said = judge.verdict(Sample(requests=5), GOOD, LIMITS)

    assert "5 requests" in said
    assert "too few to judge (fewer than 20)" in said


def test_a_baseline_with_too_few_requests_is_said_too() -> None:
    assert "too few to compare: 0 requests" in judge.verdict(GOOD, NOBODY, LIMITS)


def test_a_verdict_has_the_figures_of_both() -> None:
    said = judge.verdict(Sample(200, 1, 0.012), GOOD, LIMITS)

    assert said == (
        "200 requests, 1 failed (0.5%), p95 12 ms; "
        "the other release: 1000 requests, 0 failed (0.0%), p95 100 ms"
    )


def test_limits_of_no_request_divide_by_nothing() -> None:
    assert judge.objection(NOBODY, NOBODY, Limits(requests=0)) is None
