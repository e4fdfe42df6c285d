"""How a check ended: what `./inv test` shows as a row, and GitHub as a line of its summary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a check ended; one that counts nothing is one test itself."""

    title: str
    seconds: float
    passed: int
    failed: int
    skipped: int = 0
    reason: str = ""
