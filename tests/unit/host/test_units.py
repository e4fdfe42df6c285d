"""What the host library asks of systemd, beyond what a slot's start and drain show."""

from __future__ import annotations

from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host.units import Slots


def test_a_slot_stops_with_its_socket_and_forgets_that_either_failed(
    slots: Slots, systemd: FakeSystemd
) -> None:
    slots.stop("green")

    both = "hello@green.socket hello@green.service"
    assert systemd.calls == [f"systemctl stop {both}", f"systemctl reset-failed {both}"]


def test_a_socket_listens_before_its_service_starts(slots: Slots, systemd: FakeSystemd) -> None:
    slots.start("green")

    assert systemd.calls == [
        "systemctl start hello@green.socket",
        "systemctl start --no-block hello@green.service",
    ]
