"""The idle slot runs the release and is healthy, while nothing of the traffic moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from turnout_host import releases, splits, start
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.units import Slots, UnitState


@pytest.fixture
def live(layout: Layout, systemd: FakeSystemd) -> None:
    """r1 is live in blue."""
    making.put_live(layout, "blue", "r1")
    systemd.set("blue", ActiveState="active", SubState="running", MainPID=11)


def staged(layout: Layout, **health: Any) -> None:
    making.make_release(layout, "r2", health={**making.HEALTH, **health})


def start_r2(layout: Layout, slots: Slots) -> str:
    return start.start(layout, slots, "r2", drain_seconds=0.1)


def blue_was_left_alone(systemd: FakeSystemd) -> bool:
    touched = [call for call in systemd.called("@blue") if " show " not in call]
    return systemd.is_running("blue") and touched == []


@pytest.mark.usefixtures("live", "green_site")
def test_a_healthy_release_runs_in_the_idle_slot_and_nothing_moves(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    staged(layout)

    assert start_r2(layout, slots) == "green"

    assert systemd.is_running("green")
    assert "TURNOUT_RELEASE=r2" in systemd.loaded("green")
    assert str(layout.slot("green").readlink()) == "../releases/r2"
    assert splits.live(layout) == "blue"
    assert blue_was_left_alone(systemd)


@pytest.mark.usefixtures("live", "green_site")
def test_the_socket_starts_before_the_service(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    staged(layout)

    start_r2(layout, slots)

    assert systemd.called("systemctl start") == [
        "systemctl start hello@green.socket",
        "systemctl start --no-block hello@green.service",
    ]


@pytest.mark.usefixtures("live", "green_site")
def test_a_release_that_runs_already_is_not_started_again(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    staged(layout)
    start_r2(layout, slots)
    systemd.calls.clear()

    assert start_r2(layout, slots) == "green"

    assert systemd.called("systemctl start") == []


def test_a_verified_release_that_does_not_start_today_may_be_gone_back_to_tomorrow(
    layout: Layout, slots: Slots, systemd: FakeSystemd, green_site: Site
) -> None:
    green_site.status = 500
    staged(layout)

    with pytest.raises(HostFailure):
        start.start(layout, slots, "r2", drain_seconds=1, is_verified=True)

    assert not releases.get(layout, "r2").failed
    assert not systemd.is_running("green")


@pytest.mark.usefixtures("live")
def test_a_release_that_is_not_here_starts_nothing(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    with pytest.raises(HostFailure, match=r"r9 is not on this host \(here: r1\)"):
        start.start(layout, slots, "r9", 0)

    assert systemd.calls == []


@pytest.mark.usefixtures("live")
def test_a_release_that_is_not_healthy_in_time_fails_with_all_evidence(
    layout: Layout, slots: Slots, systemd: FakeSystemd, green_site: Site
) -> None:
    green_site.status, green_site.body = 503, "the database is away"
    green_site.headers = {"Retry-After": "5"}
    staged(layout)

    with pytest.raises(HostFailure, match=r"within 0.1 s: GET /health .* answered 503") as failed:
        start_r2(layout, slots)

    evidence = failed.value.evidence
    assert "HTTP 503" in evidence
    assert "Retry-After: 5" in evidence
    assert "the database is away" in evidence
    assert "log of hello@green.service" in evidence
    assert "State: active/running" in evidence
    assert "live release was not touched" in failed.value.next_step


@pytest.mark.usefixtures("live")
def test_a_failed_release_is_marked_and_its_slot_stopped(
    layout: Layout, slots: Slots, systemd: FakeSystemd, green_site: Site
) -> None:
    green_site.status = 500
    staged(layout)

    with pytest.raises(HostFailure):
        start_r2(layout, slots)

    assert releases.get(layout, "r2").failed
    assert not releases.get(layout, "r1").failed
    assert not systemd.is_running("green")
    assert splits.live(layout) == "blue"
    assert blue_was_left_alone(systemd)


@pytest.mark.usefixtures("live")
def test_a_crash_loop_is_seen_long_before_the_time_is_up(
    layout: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(layout, start_timeout_seconds=60)
    crashing = {"ActiveState": "activating", "SubState": "auto-restart", "MainPID": 0}
    monkeypatch.setattr(
        slots, "start", lambda slot: systemd.set(slot, **crashing, NRestarts=3, Result="exit-code")
    )

    with pytest.raises(HostFailure, match="crashes at start: green was started 4 times") as failed:
        start_r2(layout, slots)

    assert "activating/auto-restart, result exit-code, 3 restarts" in failed.value.evidence
    assert "log of hello@green.service" in failed.value.evidence
    assert releases.get(layout, "r2").failed


@pytest.mark.usefixtures("live", "green_site")
def test_an_answer_alone_does_not_count_when_the_service_does_not_run(
    layout: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(layout)
    monkeypatch.setattr(slots, "start", lambda slot: systemd.set(slot, ActiveState="activating"))

    with pytest.raises(HostFailure, match="did not become healthy within"):
        start_r2(layout, slots)


@pytest.mark.usefixtures("live", "green_site")
def test_a_main_process_that_changes_during_the_soak_is_no_success(
    layout: Layout, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(layout, soak_seconds=0.4)
    pids = iter([0, 0, 22, 22, *[33] * 10])

    def states(names: list[str]) -> dict[str, UnitState]:
        return {name: UnitState("active", "running", next(pids), 1, "success") for name in names}

    monkeypatch.setattr(slots, "states", states)

    with pytest.raises(HostFailure, match=r"green did not stay up \(active/running, .*1 restarts"):
        start_r2(layout, slots)

    assert releases.get(layout, "r2").failed


@pytest.mark.usefixtures("live")
def test_a_soak_asks_the_app_often_and_systemd_seldom(
    layout: Layout, slots: Slots, systemd: FakeSystemd, green_site: Site
) -> None:
    staged(layout, soak_seconds=0.6)

    start_r2(layout, slots)

    states = "show -p ActiveState,SubState,MainPID"
    assert len(green_site.asked) == 1 + 3
    assert len(systemd.called(states)) == 2 + 1, "before and after the first answer, and at the end"


@pytest.mark.usefixtures("live")
def test_a_release_that_turns_ill_during_the_soak_is_no_success(
    layout: Layout, slots: Slots, green_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(layout, soak_seconds=0.1)
    wait = start.wait_until_healthy

    def wait_then_fall_ill(*arguments: Any) -> int:
        pid = wait(*arguments)
        green_site.status = 500
        return pid

    monkeypatch.setattr(start, "wait_until_healthy", wait_then_fall_ill)

    with pytest.raises(HostFailure, match=r"did not stay healthy: .* answered 500"):
        start_r2(layout, slots)


@pytest.mark.usefixtures("live", "green_site")
def test_a_drop_in_that_systemd_never_read_is_read_before_the_start(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    staged(layout)
    layout.drop_in("green").parent.mkdir(parents=True)
    layout.drop_in("green").write_bytes((layout.release("r2") / "unit.conf").read_bytes())

    start_r2(layout, slots)

    assert "TURNOUT_RELEASE=r2" in systemd.loaded("green")
