"""What the host library asks of systemd, beyond what a slot's start and drain show."""

from __future__ import annotations

import subprocess

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import units
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
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


SHOWN = "--value hello@green.socket hello@green.service"
STOP = "systemctl stop hello@green.socket hello@green.service"


@pytest.mark.parametrize(
    ("states", "stopped"),
    [("inactive\ninactive", True), ("inactive\nfailed", True), ("active\nactive", False)],
)
def test_a_slot_that_is_not_stopping_is_not_waited_for(
    slots: Slots, systemd: FakeSystemd, states: str, stopped: bool
) -> None:
    systemd.answers[SHOWN] = 0, states

    assert slots.waits_until_stopped("green") is stopped
    assert systemd.called("systemctl stop") == []


def test_a_slot_that_stops_is_waited_for_by_systemd_itself(
    slots: Slots, systemd: FakeSystemd
) -> None:
    systemd.set("green", ActiveState="deactivating")

    assert slots.waits_until_stopped("green")
    assert systemd.called("systemctl stop") == [STOP]


def test_a_slot_that_takes_long_to_stop_is_left_to_its_next_start(layout: Layout) -> None:
    def run(argv: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        if argv[1] == "stop":
            raise HostFailure("systemctl did not end within 2 s", "look")
        return subprocess.CompletedProcess(argv, 0, "inactive\ndeactivating\n")

    assert not Slots(layout, run).waits_until_stopped("green")


@pytest.mark.parametrize(
    ("service", "nothing"),
    [
        ({"ActiveState": "inactive", "NRestarts": 0}, True),
        ({"ActiveState": "inactive", "NRestarts": 2}, False),  # they would count for the next one
        ({"ActiveState": "failed", "NRestarts": 0}, False),
        ({"ActiveState": "active", "NRestarts": 0}, False),
    ],
)
def test_a_slot_has_nothing_to_stop_unless_it_runs_or_has_failed(
    slots: Slots, systemd: FakeSystemd, service: dict[str, object], nothing: bool
) -> None:
    systemd.set("green", **service)

    assert slots.has_nothing_to_stop("green") is nothing


READ = "NeedDaemonReload={}\nDropInPaths=/etc/other.conf {}\n"


@pytest.mark.parametrize(
    ("shown", "reloads"),
    [
        (READ.format("no", "{ours}"), 0),
        (READ.format("yes", "{ours}"), 1),
        (READ.format("no", "/etc/x.conf"), 1),  # the folder is new, and systemd has not looked
        ("", 1),
    ],
)
def test_systemd_reads_its_units_again_unless_it_knows_the_drop_in_as_it_is(
    layout: Layout, slots: Slots, systemd: FakeSystemd, shown: str, reloads: int
) -> None:
    making.make_release(layout, "r1")
    systemd.answers["NeedDaemonReload"] = 0, shown.format(ours=layout.drop_in("green"))

    slots.point("green", "r1")

    assert len(systemd.called("daemon-reload")) == reloads


def test_a_drop_in_that_is_the_next_releases_too_stays_as_systemd_has_read_it(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    for name in ("r1", "r2"):
        making.make_release(layout, name)
        (layout.release(name) / "unit.conf").write_text("[Service]\n")
    systemd.answers["NeedDaemonReload"] = 0, READ.format("no", layout.drop_in("green"))
    slots.point("green", "r1")
    written = layout.drop_in("green").stat()

    slots.point("green", "r2")

    # Another time of change is another file to systemd.
    assert layout.drop_in("green").stat() == written


def test_what_a_program_said_until_its_timeout_is_told_as_text() -> None:
    with pytest.raises(HostFailure, match="sh did not end within 0 s") as caught:
        units.run(["sh", "-c", "printf 'grüße\\n'; exec sleep 60"], timeout=0.2)

    assert caught.value.evidence == "grüße\n"


def test_a_program_that_said_nothing_until_its_timeout_leaves_no_evidence() -> None:
    with pytest.raises(HostFailure) as caught:
        units.run(["sleep", "60"], timeout=0.1)

    assert caught.value.evidence == ""
