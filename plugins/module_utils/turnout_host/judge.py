"""Whether a release does worse than the one beside it: figures in, an objection or None out.

Pure, and the whole rule; docs/canary.md explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

# Fewer failures than this may be a visitor's bad luck, whatever their share is.
LEAST_FAILED = 3
# A page that takes 2 ms may well take 10 ms in a process that has just begun.
SPARE_SECONDS = 0.05


@dataclass(frozen=True)
class Sample:
    """What one slot did over some time.

    Args:
        requests: how many it answered, or should have.
        failed: how many of them ended with a status of 500 or more.
        p95_seconds: 95 of 100 answers began after this time at most.
        restarts: how often its main process was another one.
    """

    requests: int = 0
    failed: int = 0
    p95_seconds: float = 0.0
    restarts: int = 0

    @property
    def failed_ratio(self) -> float:
        return self.failed / self.requests if self.requests else 0.0

    def describe(self) -> str:
        """Say it in a line."""
        return (
            f"{self.requests} requests, {self.failed} failed ({self.failed_ratio:.1%}), "
            f"p95 {self.p95_seconds * 1000:.0f} ms"
        )


@dataclass(frozen=True)
class Limits:
    """What a release may do worse.

    Args:
        requests: from so many on a slot's figures are compared with another's.
        failed: how much more of its requests may fail than of the baseline's, 0 to 1.
        latency: how many times the baseline's p95 its own may be.
    """

    requests: int = 20
    failed: float = 0.02
    latency: float = 2.0


def objection(candidate: Sample, baseline: Sample, limits: Limits) -> str | None:
    """Return why the candidate must not go on, or None: what is said when its time is over.

    Args:
        candidate: the release that is new.
        baseline: the one beside it, or before it. With fewer requests than ``limits.requests`` it
            says nothing: the candidate's failures are then judged alone, its latency not at all.
    """
    return failing(candidate, baseline, limits) or _slow(candidate, baseline, limits)


def failing(candidate: Sample, baseline: Sample, limits: Limits) -> str | None:
    """Return the part of the objection that nobody waits for: restarts and failures.

    Latency is no part of it, for the first requests of a process are its slowest.
    """
    if candidate.restarts:
        return "its main process ended and was started again"
    compared = _is_enough(baseline, limits)
    allowed = limits.failed + (baseline.failed_ratio if compared else 0.0)
    if candidate.failed < LEAST_FAILED or candidate.failed_ratio <= allowed:
        return None
    beside = f"{baseline.failed_ratio:.1%} of the other release's" if compared else "none"
    return (
        f"{candidate.failed} of its {candidate.requests} requests failed "
        f"({candidate.failed_ratio:.1%}; {beside} and {limits.failed:.1%} more are allowed)"
    )


def _slow(candidate: Sample, baseline: Sample, limits: Limits) -> str | None:
    if not (_is_enough(candidate, limits) and _is_enough(baseline, limits)):
        return None
    allowed = baseline.p95_seconds * limits.latency + SPARE_SECONDS
    if candidate.p95_seconds <= allowed:
        return None
    return (
        f"its p95 is {candidate.p95_seconds * 1000:.0f} ms, the other release's "
        f"{baseline.p95_seconds * 1000:.0f} ms ({allowed * 1000:.0f} ms are allowed)"
    )


def verdict(candidate: Sample, baseline: Sample, limits: Limits) -> str:
    """Return what is said of a candidate without an objection: also what could not be judged."""
    told = candidate.describe()
    if not _is_enough(candidate, limits):
        return f"{told}: too few to judge (fewer than {limits.requests}), so it goes on"
    if not _is_enough(baseline, limits):
        return f"{told}; the other release has too few to compare: {baseline.describe()}"
    return f"{told}; the other release: {baseline.describe()}"


def _is_enough(sample: Sample, limits: Limits) -> bool:
    return sample.requests >= max(1, limits.requests)
