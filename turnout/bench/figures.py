"""What was measured, as figures and ratios of figures: the arithmetic of the bench, its tables."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Summary = Callable[[Any], float]
LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Figure:
    """One thing that was measured in each round.

    Attributes:
        name: what it is, in Markdown.
        values: one for each round, in the order of the rounds.
        unit: of the values.
        goal: the most (or, where more is better, the least) it should be; None without one.
    """

    name: str
    values: tuple[float, ...]
    unit: str = "s"
    goal: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)


@dataclass(frozen=True)
class Ratio:
    """How two figures compare: round by round, and of their best values.

    Attributes:
        name: what is divided by what.
        value: the median of the rounds' ratios; the one that counts.
        best: of the best values, which other programs on the machine disturb least.
        better: `lower` or `higher`.
        goal: what it should be at most (or at least); None without one.
    """

    name: str
    value: float
    best: float
    better: str = LOWER
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached; a ratio without one has nothing to reach."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == LOWER else self.value >= self.goal


def ratio(
    name: str, over: Figure, under: Figure, *, better: str = LOWER, goal: float | None = None
) -> Ratio:
    """Return ``over`` divided by ``under``, whose best values are the least or the greatest.

    What is slow for minutes slows both values of a round, so each round is compared by itself.
    Where one of the two failed in a round, the medians are divided.
    """
    best: Summary = min if better == LOWER else max
    value = over.median / under.median
    if len(over.values) == len(under.values):
        value = statistics.median(map(operator.truediv, over.values, under.values))
    return Ratio(name, value, best(over.values) / best(under.values), better, goal)


def total(name: str, parts: Mapping[str, float], figures: Mapping[str, Figure]) -> Figure:
    """Return the sum of figures, each as often as ``parts`` says, round by round."""
    rounds = zip(*(figures[part].values for part in parts), strict=True)
    weights = list(parts.values())
    sums = (sum(w * v for w, v in zip(weights, one, strict=True)) for one in rounds)
    return Figure(name, tuple(sums))


@dataclass
class Samples:
    """Collects the values of figures by name while the rounds run."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> float:
        """Keep one value and return it."""
        self.values.setdefault(name, []).append(value)
        return value

    def figures(self, unit: str = "s") -> dict[str, Figure]:
        """Return a figure for each name, in the order in which they came first."""
        return {name: Figure(name, tuple(values), unit) for name, values in self.values.items()}


def figures_table(figures: list[Figure], title: str = "what") -> str:
    """Return figures of one unit as a Markdown table."""
    unit = figures[0].unit
    goals = any(figure.goal is not None for figure in figures)
    head = [title, f"median, {unit}", f"least, {unit}", f"most, {unit}", "runs"]
    rows = [
        [one.name, *map(number, (one.median, one.least, one.most)), str(len(one.values))]
        for one in figures
    ]
    if goals:
        head.append("goal")
        rows = [[*row, _goal(one.goal)] for row, one in zip(rows, figures, strict=True)]
    return table(head, rows)


def ratios_table(ratios: list[Ratio]) -> str:
    """Return ratios as a Markdown table; what misses its goal says so."""
    return table(
        ["ratio", "median of the rounds", "of the best", "goal"],
        [[one.name, f"{one.value:.2f}", f"{one.best:.2f}", _verdict(one)] for one in ratios],
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Return a number with as many digits as tell something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _goal(goal: float | None) -> str:
    return "" if goal is None else f"{goal:g}"


def _verdict(one: Ratio) -> str:
    if one.goal is None:
        return ""
    sign = "at most" if one.better == LOWER else "at least"
    return f"{sign} {one.goal:g}" + ("" if one.is_met else ", **missed**")
