"""What a run of load comes to: counts, failures, who answered when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

SHOWN_FAILURES = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it was sent and had ended (Unix time), and what came back.

    ``error`` is empty for a right answer; ``release`` is who gave it, where the answer tells.
    """

    client: str
    method: str
    sent: float
    ended: float
    status: int
    error: str
    release: str


@dataclass
class Run:
    """Answers in a row that one release gave to one client."""

    client: str
    release: str
    first_sent: float
    last_sent: float


def report(requests: list[Request]) -> dict[str, Any]:
    """Return the figures of a run as plain data.

    Args:
        requests: in the order in which they were sent.
    """
    failed = [request for request in requests if request.error]
    return {
        "requests": len(requests),
        "failed": len(failed),
        "kinds": dict(
            Counter(f"{request.client.partition('-')[0]} {request.method}" for request in requests)
        ),
        "failures": [asdict(request) for request in failed[:SHOWN_FAILURES]],
        "longest_gap_seconds": round(longest_gap(requests), 3),
        "slowest_seconds": round(max((r.ended - r.sent for r in requests), default=0.0), 3),
        "runs": [asdict(run) for run in runs(requests)],
    }


def longest_gap(requests: Iterable[Request]) -> float:
    """Return the longest time, in seconds, in which nobody got a right answer."""
    ends = sorted(request.ended for request in requests if not request.error)
    return max((after - before for before, after in pairwise(ends)), default=0.0)


def runs(requests: Iterable[Request]) -> list[Run]:
    """Return, client by client, which release answered and from when to when."""
    found: list[Run] = []
    latest: dict[str, Run] = {}
    for request in requests:
        if not request.release:
            continue
        run = latest.get(request.client)
        if run and run.release == request.release:
            run.last_sent = request.sent
            continue
        latest[request.client] = Run(request.client, request.release, request.sent, request.sent)
        found.append(latest[request.client])
    return found


def last_old_answer(requests: Iterable[Request], switched: float, release: str) -> float:
    """Return how long after a switch another release was still answering.

    Args:
        requests: until before the next switch.
        switched: when traffic was given to ``release``, Unix time.
        release: who should answer since.

    Returns:
        Seconds from the switch until the last request was sent that another release answered; 0
        when there is none.
    """
    old = [r.sent for r in requests if r.release and r.release != release and r.sent > switched]
    return max(old, default=switched) - switched
