"""The arithmetic of the bench, and how its tables read."""

from __future__ import annotations

import pytest

from turnout.bench.figures import (
    HIGHER,
    Figure,
    Samples,
    figures_table,
    number,
    ratio,
    ratios_table,
    total,
)

FAST = Figure("fast", (1.0, 2.0, 6.0))
SLOW = Figure("slow", (4.0, 8.0, 9.0))


def test_a_figure_tells_its_median_and_its_extremes() -> None:
    assert (FAST.median, FAST.least, FAST.most) == (2.0, 1.0, 6.0)


def test_a_ratio_is_the_median_of_the_rounds_and_of_the_least_values() -> None:
    found = ratio("slow / fast", SLOW, FAST)

    assert (found.value, found.best) == (4.0, 4.0)


def test_a_round_in_which_all_is_slow_leaves_the_ratio_as_it_is() -> None:
    ours, others = Figure("ours", (2.0, 20.0, 3.0)), Figure("others", (1.0, 10.0, 2.0))

    assert ratio("ours / others", ours, others).value == 2.0


def test_a_ratio_divides_the_medians_where_one_failed_in_a_round() -> None:
    assert ratio("slow / fast", SLOW, Figure("fast", (1.0, 3.0))).value == 4.0


def test_where_more_is_better_the_best_are_the_greatest() -> None:
    assert ratio("slow / fast", SLOW, FAST, better=HIGHER).best == 1.5


@pytest.mark.parametrize(("goal", "better", "met"), [
    (4.0, "lower", True),
    (3.9, "lower", False),
    (4.0, "higher", True),
    (4.1, "higher", False),
    (None, "lower", True),
])  # fmt: skip
def test_a_goal_is_met_on_its_own_side(goal: float | None, better: str, met: bool) -> None:
    assert ratio("slow / fast", SLOW, FAST, better=better, goal=goal).is_met is met


def test_the_sum_of_parts_is_made_round_by_round() -> None:
    parts = {"start": Figure("start", (1.0, 2.0)), "task": Figure("task", (0.1, 0.3))}

    assert total("sum", {"start": 1, "task": 6}, parts).values == pytest.approx((1.6, 3.8))


def test_a_sum_refuses_parts_that_were_not_measured_equally_often() -> None:
    parts = {"start": Figure("start", (1.0, 2.0)), "task": Figure("task", (0.1,))}

    with pytest.raises(ValueError, match="shorter"):
        total("sum", {"start": 1, "task": 6}, parts)


def test_samples_keep_the_order_in_which_names_came_first() -> None:
    samples = Samples()
    for name, value in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        samples.add(name, value)

    assert [(one.name, one.values) for one in samples.figures().values()] == [
        ("b", (1.0, 3.0)),
        ("a", (2.0,)),
    ]


def test_a_table_of_figures_names_their_unit_and_says_how_often() -> None:
    assert figures_table([FAST], "command").splitlines() == [
        "| command | median, s | least, s | most, s | runs |",
        "| --- | --- | --- | --- | --- |",
        "| fast | 2.00 | 1.00 | 6.00 | 3 |",
    ]


def test_a_goal_gets_a_column_as_soon_as_one_figure_has_one() -> None:
    lines = figures_table([FAST, Figure("slow", (4.0,), goal=2.0)]).splitlines()

    assert [line.split("|")[-2].strip() for line in lines] == ["goal", "---", "", "2"]


def test_a_ratio_that_misses_its_goal_says_so() -> None:
    lines = ratios_table([ratio("a", SLOW, FAST, goal=1.5), ratio("b", SLOW, FAST, goal=5.0)])

    assert "at most 1.5, **missed**" in lines
    assert "at most 5 |" in lines


@pytest.mark.parametrize(("value", "text"), [(0.123, "0.12"), (99.9, "99.90"), (12345.6, "12,346")])
def test_a_number_has_the_digits_that_tell_something(value: float, text: str) -> None:
    assert number(value) == text
