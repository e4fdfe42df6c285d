"""Receipts as a host makes them."""

from __future__ import annotations

from typing import Any

RECEIPT: dict[str, Any] = {
    "action": "deploy", "release": "r2", "previous_release": "r1", "rate": 20,
    "began": 1_764_000_000.0, "outcome": "live", "cause": None, "requests": 400, "failed": 0,
    "p50_ms": 1.2, "p99_ms": 4.0, "longest_gap_ms": 5.0, "switch_ms": 0.4,
    "last_old_answer_ms": 50.0, "back_ms": None, "switched": 1_764_000_003.0, "finished": True,
    "zero": 1_764_000_003.0, "failures": [], "marks": [{"mark": "moved", "seconds": 0.0}],
    "samples": [[-1.0, 1.2, "old"], [1.0, 1.3, "new"]], "words": "400 requests",
}  # fmt: skip
UNSEEN = {
    **RECEIPT, "requests": 0, "samples": [], "rate": 0, "words": "no request seen",
    **dict.fromkeys(("p50_ms", "p99_ms", "longest_gap_ms", "last_old_answer_ms")),
}  # fmt: skip
