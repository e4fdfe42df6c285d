"""Which slot takes how much: 20 lanes, always."""

from __future__ import annotations

import os

import pytest

from turnout_host import splits
from turnout_host.layout import Layout


def test_a_full_split_leads_every_lane_to_its_slots_socket(layout: Layout) -> None:
    name = splits.create_full(layout, "blue")

    lanes = sorted((layout.splits / name).glob("*.sock"))
    assert name == "blue"
    assert [lane.name for lane in lanes] == [f"{number:02}.sock" for number in range(20)]
    assert {lane.readlink() for lane in lanes} == {layout.socket("blue")}


def test_a_split_serves_the_static_files_of_the_slot_with_most_lanes(layout: Layout) -> None:
    name = splits.create(layout, {"blue": 1, "green": 19})

    assert str((layout.splits / name / "static").readlink()) == "../../slots/green/static"


def test_a_split_leads_to_the_other_slots_static_files_as_well(layout: Layout) -> None:
    for lanes, other in (({"green": 20}, "blue"), ({"green": 1, "blue": 19}, "green")):
        link = layout.splits / splits.create(layout, lanes) / "static-other"

        assert str(link.readlink()) == f"../../slots/{other}/static"


def test_a_split_of_an_earlier_version_gets_the_other_slots_static_files(layout: Layout) -> None:
    link = layout.splits / splits.create_full(layout, "blue") / "static-other"
    link.unlink()

    splits.create_full(layout, "blue")

    assert str(link.readlink()) == "../../slots/green/static"


@pytest.mark.parametrize("green", range(1, 20))
def test_each_step_of_five_percent_is_a_split_with_a_name(layout: Layout, green: int) -> None:
    splits.make_live(layout, splits.create_full(layout, "blue"))

    name = splits.create_share(layout, "green", green * 5)

    assert name == f"blue{20 - green:02}-green{green:02}"
    assert splits.lanes(layout, name) == {"blue": 20 - green, "green": green}


@pytest.mark.parametrize("share", [5, 50, 75, 95])
def test_a_candidate_is_never_live_however_large_its_share(layout: Layout, share: int) -> None:
    splits.make_live(layout, splits.create_full(layout, "green"))

    splits.make_live(layout, splits.create_share(layout, "blue", share))

    assert splits.live_slot(layout) == "green"
    assert splits.idle_slot(layout) == "blue"
    assert (layout.live / "static").readlink().parts[-2] == "green"


def test_the_two_halves_are_two_splits(layout: Layout) -> None:
    half = {"blue": 10, "green": 10}

    assert splits.create(layout, half, "blue") == "blue10-green10"
    assert splits.create(layout, half, "green") == "green10-blue10"


@pytest.mark.parametrize(("slot", "share"), [("green", 7), ("blue", 5)])
def test_a_share_that_is_no_lane_or_of_the_live_slot_itself_is_refused(
    layout: Layout, slot: str, share: int
) -> None:
    splits.make_live(layout, splits.create_full(layout, "blue"))

    with pytest.raises(ValueError, match=f"{slot} cannot get {share} %"):
        splits.create_share(layout, slot, share)


def test_each_lane_is_known_by_its_slot(layout: Layout) -> None:
    name = splits.create(layout, {"blue": 19, "green": 1})

    owners = splits.by_lane(layout, name)

    assert (owners["00"], owners["19"], len(owners)) == ("blue", "green", 20)
    assert splits.by_lane(layout, None) == {}


@pytest.mark.parametrize(
    "lanes",
    [
        {},
        {"blue": 19},
        {"blue": 21},
        {"blue": 10, "green": 11},
        {"red": 20},
        {"blue": 19, "red": 1},
    ],
)
def test_lanes_that_are_not_20_of_known_slots_are_refused(
    layout: Layout, lanes: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="20 lanes of blue and green"):
        splits.create(layout, lanes)

    assert list(layout.splits.iterdir()) == []


def test_a_split_that_is_there_is_not_touched(layout: Layout) -> None:
    splits.create_full(layout, "blue")
    before = (layout.splits / "blue").stat()

    splits.create_full(layout, "blue")

    assert (layout.splits / "blue").stat() == before


def test_nginx_gets_into_a_split_whatever_the_umask(layout: Layout) -> None:
    before = os.umask(0o077)
    splits.create_full(layout, "blue")
    os.umask(before)

    assert (layout.splits / "blue").stat().st_mode & 0o777 == 0o755


def test_before_the_first_deploy_nothing_is_live_and_blue_is_next(layout: Layout) -> None:
    assert splits.live(layout) is None
    assert splits.live_slot(layout) is None
    assert splits.lanes(layout, None) == {"blue": 0, "green": 0}
    assert splits.idle_slot(layout) == "blue"


def test_the_slot_with_most_lanes_is_live_and_the_other_one_idle(layout: Layout) -> None:
    splits.make_live(layout, splits.create(layout, {"blue": 5, "green": 15}))

    assert splits.live_slot(layout) == "green"
    assert splits.idle_slot(layout) == "blue"


def test_live_is_relative_so_that_the_hook_in_gunicorn_can_compare_it(layout: Layout) -> None:
    assert splits.make_live(layout, splits.create_full(layout, "green"))
    assert not splits.make_live(layout, "green")
    assert str(layout.live.readlink()) == "splits/green"


def test_traffic_can_be_taken_from_everybody_once(layout: Layout) -> None:
    splits.make_live(layout, splits.create_full(layout, "blue"))

    assert splits.make_live(layout, None)
    assert not splits.make_live(layout, None)
    assert splits.live(layout) is None
