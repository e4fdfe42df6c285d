"""A slot is stopped only when it answers nobody any more."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import drain, splits
from turnout_host.layout import Layout
from turnout_host.units import Slots


def count(layout: Layout, slot: str, pid: int, requests: int) -> None:
    """Write what the hook in a worker writes."""
    layout.runtime(slot).mkdir(parents=True, exist_ok=True)
    (layout.runtime(slot) / f"inflight.{pid}").write_bytes(struct.pack("<q", requests))


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.fixture
def warm(layout: Layout, systemd: FakeSystemd) -> None:
    """Blue is live, green is warm."""
    making.put_live(layout, "blue", "r1")
    systemd.set("green", ActiveState="active", MainPID=22)


def test_requests_of_all_workers_of_a_slot_are_added(layout: Layout) -> None:
    count(layout, "blue", os.getpid(), 2)
    count(layout, "blue", os.getppid(), 3)
    count(layout, "green", os.getpid(), 7)

    assert drain.in_flight(layout, "blue") == 5


def test_a_killed_worker_answers_nobody(layout: Layout, dead_pid: int) -> None:
    count(layout, "blue", dead_pid, 4)

    assert drain.in_flight(layout, "blue") == 0


def test_a_worker_that_has_just_made_its_file_answers_nobody(layout: Layout) -> None:
    count(layout, "blue", os.getpid(), 0)
    (layout.runtime("blue") / f"inflight.{os.getpid()}").write_bytes(b"")

    assert drain.in_flight(layout, "blue") == 0


def test_a_slot_without_a_runtime_folder_answers_nobody(layout: Layout) -> None:
    assert drain.in_flight(layout, "blue") == 0


@pytest.mark.usefixtures("warm")
def test_a_slot_is_stopped_when_its_last_request_has_ended(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    count(layout, "green", os.getpid(), 1)
    running: list[bool] = []

    def end_the_request() -> None:
        running.append(systemd.is_running("green"))
        count(layout, "green", os.getpid(), 0)

    timer = threading.Timer(0.15, end_the_request)
    timer.start()
    began = time.monotonic()
    left = drain.stop(layout, slots, "green", timeout_seconds=5)
    timer.join()

    assert running == [True]
    assert 0.15 <= time.monotonic() - began < 2
    assert left == 0
    assert not systemd.is_running("green")


@pytest.mark.usefixtures("warm")
def test_a_request_that_never_ends_is_waited_for_no_longer_than_asked(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    count(layout, "green", os.getpid(), 1)

    assert drain.stop(layout, slots, "green", timeout_seconds=0.1) == 1
    assert not systemd.is_running("green")


@pytest.mark.usefixtures("warm")
def test_socket_and_service_stop_in_one_call(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    drain.stop(layout, slots, "green", timeout_seconds=1)

    stops = systemd.called("systemctl stop")
    assert stops == ["systemctl stop hello@green.socket hello@green.service"]


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("green", [0, 1])
def test_a_slot_that_takes_any_traffic_is_never_stopped(
    layout: Layout, slots: Slots, systemd: FakeSystemd, green: int
) -> None:
    splits.make_live(layout, splits.create(layout, {"blue": 20 - green, "green": green}))

    with pytest.raises(ValueError, match="blue takes traffic"):
        drain.stop(layout, slots, "blue", timeout_seconds=0)
    if green:
        with pytest.raises(ValueError, match="green takes traffic"):
            drain.stop(layout, slots, "green", timeout_seconds=0)

    assert systemd.called("stop") == []


def test_after_a_switch_the_last_old_answer_is_waited_for(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LAST_OLD_ANSWER_SECONDS", 0.2)
    splits.make_live(layout, splits.create_full(layout, "blue"))

    began = time.monotonic()
    drain.wait_for_last_old_answer(layout)

    assert 0.1 < time.monotonic() - began < 1


def test_a_clock_that_was_set_back_makes_nobody_wait_for_long(layout: Layout) -> None:
    splits.make_live(layout, splits.create_full(layout, "blue"))
    os.utime(layout.live, (time.time() + 3600,) * 2, follow_symlinks=False)

    began = time.monotonic()
    drain.wait_for_last_old_answer(layout)

    assert time.monotonic() - began < 1


def test_an_idle_slot_that_answers_nobody_is_let_go_without_waiting(
    layout: Layout, slots: Slots, systemd: FakeSystemd, warm: None
) -> None:
    time.sleep(drain.LAST_OLD_ANSWER_SECONDS)

    assert drain.let_go(layout, slots, "green")

    (stop,) = systemd.called("systemctl stop")
    assert stop == "systemctl stop --no-block hello@green.socket hello@green.service"


def test_an_idle_slot_with_a_request_in_flight_is_not_let_go(
    layout: Layout, slots: Slots, systemd: FakeSystemd, warm: None
) -> None:
    count(layout, "green", os.getpid(), 1)
    time.sleep(drain.LAST_OLD_ANSWER_SECONDS)

    assert not drain.let_go(layout, slots, "green")
    assert systemd.called("systemctl stop") == []


def test_a_slot_that_nginx_may_still_hold_connections_to_is_not_let_go(
    layout: Layout, slots: Slots, systemd: FakeSystemd, warm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LAST_OLD_ANSWER_SECONDS", 60)

    assert not drain.let_go(layout, slots, "green")


def test_a_stopped_slot_is_not_let_go_again(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "blue", "r1")

    assert not drain.let_go(layout, slots, "green")
    assert systemd.called("systemctl stop") == []
