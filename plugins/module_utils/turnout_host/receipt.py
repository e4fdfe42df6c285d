"""What a deploy came to for those who asked meanwhile: figures of what its probe has recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .recording import Entry, Recording

Receipt = dict[str, Any]
# Within so many seconds of the switch every sample is kept, and of the rest so many.
NEAR_SECONDS, MOST_FAR_SAMPLES = 15.0, 600
MOST_FAILURES = 20
HEAD = ("action", "release", "previous_release", "rate", "began")


def make(recording: Recording, ended: Entry | None) -> Receipt:
    """Return the receipt of a deploy as far as it got.

    Args:
        ended: the history's line about it; None while it goes on.

    Returns:
        ``requests``, ``failed``, and in milliseconds ``p50_ms`` and ``p99_ms`` (of right
        answers), ``longest_gap_ms`` (from sending a request to the next right answer),
        ``switch_ms`` (how long the switch itself took) and ``last_old_answer_ms`` (how long after
        the switch the release before it was still sent a request that it answered). What cannot
        be known is None. ``marks`` and ``samples`` are in seconds from ``zero``.
    """
    samples, moved, back = recording.samples, recording.mark("moved"), recording.mark("back")
    zero = _zero(recording)
    latencies = sorted(sample["ms"] for sample in samples if not sample["problem"])
    outcome = {key: ended.get(key) for key in ("outcome", "cause")} if ended else {}
    return {
        **{key: recording.head[key] for key in HEAD},
        "outcome": outcome.get("outcome"),
        "cause": outcome.get("cause"),
        "requests": len(samples),
        "failed": len(samples) - len(latencies),
        "p50_ms": percentile(latencies, 50),
        "p99_ms": percentile(latencies, 99),
        "longest_gap_ms": longest_gap_ms(samples),
        "switch_ms": round(moved["took"] * 1000, 3) if moved else None,
        "last_old_answer_ms": last_old_answer_ms(recording),
        "back_ms": round((back["time"] - zero) * 1000) if back else None,
        "switched": moved["at"] if moved else None,
        "finished": False,
        "zero": zero,
        "failures": [_failure(sample, zero) for sample in samples if sample["problem"]][
            :MOST_FAILURES
        ],
        "marks": [_mark(mark, zero) for mark in recording.marks],
        "samples": _thinned([_point(sample, zero, recording.head) for sample in samples]),
    }


def words(receipt: Receipt) -> str:
    """Return the figures as a line for a person."""
    if not receipt["requests"]:
        return "; ".join([f"no request seen ({_why_none(receipt)})", *_switch_words(receipt)])
    unit = "request" if receipt["requests"] == 1 else "requests"
    so_far = "" if receipt["finished"] else "so far "
    figures = (
        f"{so_far}{receipt['requests']} {unit}, {receipt['failed']} failed; "
        f"p50 {duration(receipt['p50_ms'])}, p99 {duration(receipt['p99_ms'])}, "
        f"longest gap {duration(receipt['longest_gap_ms'])}"
    )
    return "; ".join([figures, *_switch_words(receipt)])


def _why_none(receipt: Receipt) -> str:
    if receipt["rate"] == 0:
        return "app_probe_rate is 0"
    begins = receipt["rate"] and not receipt["finished"]
    return "the probe only begins" if begins else "the probe did not run"


def _switch_words(receipt: Receipt) -> list[str]:
    if receipt["switch_ms"] is None:
        shares = [mark["percent"] for mark in receipt["marks"] if "percent" in mark]
        moved = f"traffic moved up to {max(shares)} % and back" if shares else "traffic never moved"
        return [moved] if receipt["outcome"] else []
    said = [f"switch {duration(receipt['switch_ms'])}"]
    if receipt["requests"]:
        late, unknown = receipt["last_old_answer_ms"], "unknown" if receipt["finished"] else "open"
        said[0] += f", last old answer {unknown if late is None else f'{duration(late)} after it'}"
    if receipt["back_ms"] is not None:
        said.append(f"went back {duration(receipt['back_ms'])} after it")
    return said


def duration(ms: float | None) -> str:
    """Return milliseconds as a person reads them."""
    if ms is None:
        return "-"
    if ms >= 1000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.0f} ms" if ms >= 10 or ms == 0 else f"{ms:.1f} ms"


def percentile(ordered: list[float], share: int) -> float | None:
    """Return the value that ``share`` percent of them do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def longest_gap_ms(samples: Sequence[Entry]) -> float | None:
    """Return the longest time from sending a request to the next right answer to any."""
    gaps: list[float] = []
    waiting_since: float | None = None
    for sample in samples:
        since = sample["sent"] if waiting_since is None else waiting_since
        gaps.append(_answered(sample) - since)
        waiting_since = since if sample["problem"] else None
    return round(max(gaps) * 1000, 2) if gaps else None


def last_old_answer_ms(recording: Recording) -> float | None:
    """Return how long after the switch the release before it still answered; None if unknown.

    It is unknown before a switch, without requests after it, and where the workers do not name
    their release.
    """
    moved, back = recording.mark("moved"), recording.mark("back")
    if not moved:
        return None
    until = back["time"] if back else math.inf
    after = [s for s in recording.samples if moved["at"] < s["sent"] < until]
    named = [sample for sample in after if _release(sample)]
    if not named:
        return None
    old = [s["sent"] for s in named if _release(s) != recording.head["release"]]
    return round((max(old) - moved["at"]) * 1000, 1) if old else 0.0


def _zero(recording: Recording) -> float:
    moved = recording.mark("moved")
    return float(moved["at"] if moved else recording.head["began"])


def _answered(sample: Entry) -> float:
    return float(sample["sent"]) + float(sample["ms"]) / 1000


def _release(sample: Entry) -> str:
    return str(sample["by"]).partition("/")[2]


def _point(sample: Entry, zero: float, head: Entry) -> list[Any]:
    """Return a sample as seconds, milliseconds and whose: `old`, `new`, or `failed`."""
    second, release = round(sample["sent"] - zero, 3), _release(sample)
    is_old = release != head["release"] if release else second < 0
    kind = "failed" if sample["problem"] else "old" if is_old else "new"
    return [second, sample["ms"], kind]


def _mark(mark: Entry, zero: float) -> Entry:
    took = {"took": mark["seconds"]} if "seconds" in mark else {}
    moment = float(mark["at"] if "at" in mark else mark["time"])
    share = {"percent": mark["percent"]} if "percent" in mark else {}
    return {"mark": mark["mark"], "seconds": round(moment - zero, 3), **took, **share}


def _failure(sample: Entry, zero: float) -> Entry:
    known = {key: sample[key] for key in ("ms", "status", "by", "problem")}
    return {"seconds": round(sample["sent"] - zero, 3), **known}


def _thinned(points: list[list[Any]]) -> list[list[Any]]:
    """Leave out most of the good answers far from the switch: a slot may be warm for a day."""
    far = [p for p in points if p[2] == "new" and p[0] > NEAR_SECONDS]
    kept = far[:: max(1, math.ceil(len(far) / MOST_FAR_SAMPLES))]
    near = [p for p in points if p[2] != "new" or p[0] <= NEAR_SECONDS]
    return sorted([*near, *kept])
