"""Back to what was verified before: never to a failed release, never silently nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from tests.unit.host.test_switch import deploy
from turnout_host import (
    drain,
    journal,
    lease,
    phases,
    releases,
    rollback,
    rollback_alone,
    splits,
)
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.rollback_steps import Steps
from turnout_host.units import Slots

Answering = tuple[Site, Site, Site]


@pytest.fixture
def answering(layout: Layout, nginx: Site, blue_site: Site, green_site: Site) -> Answering:
    """nginx and both slots are healthy."""
    layout.settings.write_text(
        json.dumps({"port": nginx.port, "warm_seconds": 30, "drain_seconds": 0.1})
    )
    return nginx, blue_site, green_site


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch, slots: Slots) -> None:
    monkeypatch.setattr(phases, "Slots", lambda _layout: slots)


def roll_back(layout: Layout, wanted: str | None = None, **how: Any) -> dict[str, Any]:
    return rollback_alone.roll_back(Steps(layout, wanted), **how)


def live_release(layout: Layout) -> str | None:
    slot = splits.live_slot(layout)
    return releases.in_slot(layout, slot) if slot else None


@pytest.mark.usefixtures("answering")
def test_a_warm_release_takes_the_traffic_without_a_start(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")

    result = roll_back(layout)

    seconds = result.pop("seconds")
    assert result.pop("receipt")["action"] == "rollback"
    assert "switch" in result.pop("words")
    assert result == {
        "changed": True,
        "release": "r1",
        "previous_release": "r2",
        "live": "blue",
    }
    assert set(seconds) == {"recall", "start", "switch", "commit"}
    assert systemd.called("systemctl start") == []
    assert systemd.is_running("green")


@pytest.mark.usefixtures("answering")
def test_a_cold_release_is_started_first(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    drain.stop(layout, slots, "blue", 0.1)

    roll_back(layout)

    assert live_release(layout) == "r1"
    assert systemd.is_running("blue")


@pytest.mark.usefixtures("answering")
def test_rolling_back_twice_goes_further_back(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    for name in ("r1", "r2", "r3"):
        deploy(layout, systemd, name)

    assert [roll_back(layout)["release"] for _ in range(2)] == ["r2", "r1"]
    with pytest.raises(HostFailure, match="no verified release before r1"):
        roll_back(layout)
    assert live_release(layout) == "r1"


@pytest.mark.usefixtures("answering")
def test_what_was_rolled_back_from_is_not_gone_back_to_after_the_next_deploy(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    for name in ("r1", "bad"):
        deploy(layout, systemd, name)
    roll_back(layout)
    deploy(layout, systemd, "r3")

    assert rollback.target(layout, None) == "r1"
    assert rollback.target(layout, "bad") == "bad"


@pytest.mark.usefixtures("answering")
def test_the_old_slot_is_settled_by_the_host_itself_later(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")

    roll_back(layout)

    (scheduled,) = systemd.called("settle --app hello")
    assert "--on-active=30" in scheduled
    assert scheduled.endswith("settle --app hello --slot green")


def test_the_history_has_the_rollback(
    layout: Layout, slots: Slots, systemd: FakeSystemd, answering: Answering
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")

    roll_back(layout)

    last = journal.read_lines(layout.history)[-1]
    assert (last["action"], last["outcome"], last["release"]) == ("rollback", "live", "r1")
    assert last["previous_release"] == "r2"
    assert last["seconds"]["switch"] < 1


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (None, "no verified release before r1"),
        ("r9", r"r9 is not on this host \(here: r1, staged\)"),
        ("staged", "staged was never verified"),
    ],
)
def test_there_must_be_something_to_go_back_to(
    layout: Layout, systemd: FakeSystemd, wanted: str | None, why: str
) -> None:
    deploy(layout, systemd, "r1")
    making.make_release(layout, "staged")

    with pytest.raises(HostFailure, match=why):
        rollback.target(layout, wanted)


def test_before_the_first_deploy_there_is_nothing_to_go_back_to(layout: Layout) -> None:
    with pytest.raises(HostFailure, match="no verified release before the first deploy"):
        rollback.target(layout, None)


def test_a_failed_release_never_counts(layout: Layout, systemd: FakeSystemd) -> None:
    for name in ("r1", "r2", "r3"):
        deploy(layout, systemd, name)
    releases.mark_failed(layout, "r2", "it leaks")

    assert rollback.target(layout, None) == "r1"
    with pytest.raises(HostFailure, match="r2 failed here and is kept as evidence only"):
        rollback.target(layout, "r2")


def test_a_reverted_deploy_never_counts(layout: Layout, systemd: FakeSystemd) -> None:
    deploy(layout, systemd, "r1")
    making.make_release(layout, "r2")
    journal.conclude(layout, "deploy", "failed", release="r2")
    deploy(layout, systemd, "r3")

    assert rollback.target(layout, None) == "r1"


def test_from_a_release_that_was_never_committed_it_goes_to_the_last_verified_one(
    layout: Layout, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    making.make_release(layout, "r3")
    making.put_in_slot(layout, "blue", "r3")
    splits.make_live(layout, "blue")

    assert rollback.target(layout, None) == "r2"


def test_a_release_that_was_pruned_is_not_gone_back_to(
    layout: Layout, systemd: FakeSystemd
) -> None:
    for name in ("r1", "r2", "r3"):
        deploy(layout, systemd, name)
    (layout.release("r2") / "release.json").unlink()

    assert rollback.target(layout, None) == "r1"


def test_a_rollback_that_nginx_does_not_show_goes_forward_again(
    layout: Layout, slots: Slots, systemd: FakeSystemd, answering: Answering
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    answering[0].status = 500

    with pytest.raises(HostFailure, match="answered 500"):
        roll_back(layout)

    assert live_release(layout) == "r2"
    last = journal.read_lines(layout.history)[-1]
    assert (last["action"], last["outcome"], last["release"]) == ("rollback", "failed", "r1")


def test_a_rollback_whose_start_fails_leaves_no_deploy_open(
    layout: Layout, slots: Slots, systemd: FakeSystemd, answering: Answering
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    drain.stop(layout, slots, "blue", 0.1)
    answering[1].status = 500

    with pytest.raises(HostFailure, match="did not become healthy"):
        roll_back(layout)

    assert live_release(layout) == "r2"
    assert journal.running(layout) is None
    assert journal.read_lines(layout.history)[-1]["outcome"] == "failed"


def test_going_to_what_is_live_is_refused_and_changes_nothing(
    layout: Layout, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    systemd.calls.clear()

    with pytest.raises(HostFailure, match="r1 is live already"):
        roll_back(layout, "r1")

    assert systemd.calls == []


@pytest.mark.usefixtures("answering")
def test_nobody_holds_the_host_when_it_is_over(layout: Layout, systemd: FakeSystemd) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")

    roll_back(layout)

    assert lease.read(layout) is None
    assert systemd.called("stop --no-block turnout-watch-hello.timer")


def test_a_rollback_comes_after_whoever_changes_the_host(
    layout: Layout, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    lease.acquire(layout, lease.Claim("t1", "alice@laptop (process 1)", "deploy"), 60)

    with pytest.raises(HostFailure, match="is being changed by alice@laptop"):
        roll_back(layout)

    assert live_release(layout) == "r2"
    assert lease.is_held_by(layout, "t1")
