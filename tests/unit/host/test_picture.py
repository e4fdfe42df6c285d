"""The picture of a receipt is a whole SVG that names what it shows, whatever was recorded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.host.test_receipt import MOVED, made, sample
from turnout_host import picture
from turnout_host.scales import LatencyAxis, TimeAxis, moment

START = {"mark": "start", "time": 999.5, "seconds": 2.0}
BACK = {"mark": "back", "time": 1060.0}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(*samples: dict[str, Any], **more: Any) -> ElementTree.Element:
    return ElementTree.fromstring(picture.draw(made(*samples, **more), "hello"))  # noqa: S314


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def paths(root: ElementTree.Element, kind: str) -> list[str]:
    found = [element for element in root.iter(f"{SVG}path") if element.get("class") == kind]
    return [element.get("d", "") for element in found]


def test_old_new_and_failed_answers_are_told_apart() -> None:
    root = drawn(
        sample(999, "blue/r1"), sample(1001), sample(1002), sample(1003, problem="HTTP 502")
    )

    # The last of each kind is the legend's.
    assert [paths(root, kind)[0].count("M") for kind in ("old", "new", "failed")] == [1, 2, 1]
    assert "before: r1" in texts(root)
    assert "after: r2" in texts(root)
    assert "failed" in texts(root)


def test_it_says_in_words_what_it_shows() -> None:
    root = drawn(sample(1001))

    assert root.find(f"{SVG}title").text == "hello: deploy of r2"  # type: ignore[union-attr]
    assert "1 request, 0 failed" in root.find(f"{SVG}desc").text  # type: ignore[union-attr,operator]


def test_phases_are_marked_where_they_happened() -> None:
    root = drawn(sample(998, "blue/r1"), sample(1008), marks=(START, MOVED, BACK))

    assert [text for text in texts(root) if text in picture.NAMES.values() or text == "start"] == [
        "start", "healthy", "switch", "went back",
    ]  # fmt: skip


@pytest.mark.parametrize("marks", [(), (MOVED,)])
def test_without_a_request_it_says_so(marks: tuple[dict[str, Any], ...]) -> None:
    assert "no request seen" in texts(drawn(marks=marks))


def test_names_cannot_break_out_of_it() -> None:
    root = drawn(sample(1001), release='r"><script>2')

    assert 'hello: deploy of r"><script>2' in texts(root)
    assert not list(root.iter(f"{SVG}script"))


def test_everything_is_inside_of_it() -> None:
    root = drawn(
        sample(960, "blue/r1", 0.01), sample(1000.2), sample(5000, ms=9000.0), marks=(START, MOVED)
    )

    for kind in ("old", "new"):
        for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", paths(root, kind)[0]):
            assert picture.LEFT <= float(x) <= picture.RIGHT
            assert picture.TOP <= float(y) <= picture.BOTTOM + 0.1


def test_seconds_around_the_switch_have_most_of_the_width() -> None:
    axis = TimeAxis.over(-60, 3600, 0, 1000)

    assert [axis.x(second) for second in (-60, -10, 10, 3600)] == [0, 150, 700, 1000]
    assert 150 < axis.x(0) < 700


def test_ticks_do_not_touch_each_other() -> None:
    for first, last in ((-1, 2), (-60, 3600), (-3, 86400), (0, 0)):
        pixels = [pixel for pixel, _ in TimeAxis.over(first, last, 0, 900).ticks()]
        assert all(after - before > 30 for before, after in pairwise(pixels))


def test_moments_are_said_as_people_do() -> None:
    said = [moment(second) for second in (-2, 0, 0.5, 60, 300, 7200)]

    assert said == ["−2 s", "0", "0.5 s", "1 min", "5 min", "2 h"]  # noqa: RUF001


def test_latencies_of_a_second_fit_and_say_their_unit() -> None:
    said = [name for _, name in LatencyAxis.over([0.8, 1500.0], 0, 100).ticks()]

    assert said == ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]
