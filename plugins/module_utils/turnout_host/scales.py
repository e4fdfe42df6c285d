"""Where a moment and a latency are in a picture: axes with ticks that a person can read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

# What happens around a switch takes seconds, what comes after it minutes: each gets its own part.
NEAR_SECONDS = 10.0
BEFORE_SHARE, AFTER_SHARE = 0.15, 0.3
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
PIXELS_A_TICK = 56


@dataclass(frozen=True)
class TimeAxis:
    """Seconds from left to right, in up to three parts of different scale.

    Args:
        breaks: second and pixel of each end of a part, in order.
    """

    breaks: tuple[tuple[float, float], ...]

    @classmethod
    def over(cls, first: float, last: float, left: float, right: float) -> TimeAxis:
        """Return the axis from ``first`` to ``last`` second; 0 is the switch."""
        last = max(last, first + 0.5)
        shares = [(first, 0.0)]
        if first < -NEAR_SECONDS * 1.5 and last > -NEAR_SECONDS:
            shares.append((-NEAR_SECONDS, BEFORE_SHARE))
        if last > NEAR_SECONDS * 1.5 and first < NEAR_SECONDS:
            shares.append((NEAR_SECONDS, 1 - AFTER_SHARE))
        shares.append((last, 1.0))
        return cls(tuple((second, left + share * (right - left)) for second, share in shares))

    def x(self, second: float) -> float:
        """Return where a second is."""
        parts = list(pairwise(self.breaks))
        (start, left), (end, right) = next(
            (part for part in parts if second <= part[1][0]), parts[-1]
        )
        return left + (second - start) / (end - start) * (right - left)

    def ticks(self) -> list[tuple[float, str]]:
        """Return pixel and words of each tick."""
        found: dict[float, str] = {}
        for (start, left), (end, right) in pairwise(self.breaks):
            step = _step(end - start, (right - left) / PIXELS_A_TICK)
            first, last = math.ceil(start / step), math.floor(end / step)
            inner = [number * step for number in range(first, last + 1)]
            found |= {self.x(second): moment(second) for second in inner}
        return _apart(sorted(found.items()))


@dataclass(frozen=True)
class LatencyAxis:
    """Milliseconds from bottom to top, each power of ten as high as the next."""

    low: int
    high: int
    top: float
    bottom: float

    @classmethod
    def over(cls, latencies: list[float], top: float, bottom: float) -> LatencyAxis:
        """Return the axis that holds all of these."""
        least = min(latencies, default=1.0)
        low = max(-1, min(0, math.floor(math.log10(max(least, 0.1)))))
        high = max(low + 2, math.ceil(math.log10(max(latencies, default=1.0) + 0.001)))
        return cls(low, high, top, bottom)

    def y(self, ms: float) -> float:
        """Return where a latency is."""
        share = (math.log10(max(ms, 10.0**self.low)) - self.low) / (self.high - self.low)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self) -> list[tuple[float, str]]:
        """Return pixel and words of each tick."""
        powers = [10.0**power for power in range(self.low, self.high + 1)]
        return [(self.y(ms), f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms") for ms in powers]


def moment(second: float) -> str:
    """Return a time from the switch on, in words."""
    sign, size = "−" if second < 0 else "", abs(second)  # noqa: RUF001 a minus, as it is printed
    if not size:
        return "0"
    if size >= 3600 and size % 3600 == 0:
        return f"{sign}{size / 3600:g} h"
    if size >= 120 or (size >= 60 and size % 60 == 0):
        return f"{sign}{size / 60:g} min"
    return f"{sign}{round(size, 1):g} s"


def _step(span: float, most: float) -> float:
    return next((step for step in STEPS if span / step <= most), STEPS[-1])


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out a tick that would touch the one before it, where two parts meet."""
    kept = ticks[:1]
    for tick in ticks[1:]:
        if tick[0] - kept[-1][0] >= PIXELS_A_TICK * 0.6:
            kept.append(tick)
    return kept
