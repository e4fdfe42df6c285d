"""Whoever dies at whatever instant: nobody notices, and the fleet is one again without a hand."""

from __future__ import annotations

import signal
import time

import pytest

from tests.lab.fleet import BACK_SECONDS, Fleet, until
from turnout import lab as labs

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("phase", ["begin", "migrate"])
def test_a_controller_that_is_killed_before_the_switch_leaves_the_way_free(
    fleet: Fleet, phase: str
) -> None:
    live, journals = fleet.releases(), fleet.journals()
    with fleet.load():
        dead = fleet.begin(f"killed-{phase}")
        fleet.wait_for(phase, dead, journals, on=fleet.hosts[:1])
        dead.send(signal.SIGKILL)
        assert fleet.releases() == live

        release = fleet.deploy(f"after-{phase}")

    assert fleet.releases() == {release}
    assert fleet.leftovers() == ""


def test_hosts_whose_controller_is_killed_after_the_switch_go_back_by_themselves(
    fleet: Fleet,
) -> None:
    live, journals = fleet.releases(), fleet.journals()
    with fleet.load():
        dead = fleet.begin("killed-switch")
        fleet.wait_for("from", dead, journals)
        dead.send(signal.SIGKILL)
        assert not fleet.releases() & live

        until(fleet.is_free, "the end of the lease", BACK_SECONDS)

        assert fleet.releases() == live
        release = fleet.deploy("after-switch")
    assert fleet.releases() == {release}
    assert fleet.leftovers() == ""


def test_a_deploy_and_a_rollback_are_repeated_at_once_after_their_controllers_death(
    fleet: Fleet,
) -> None:
    before = fleet.deploy("before")
    with fleet.load():
        journals = fleet.journals()
        dead = fleet.begin("repeated")
        fleet.wait_for("from", dead, journals)
        dead.send(signal.SIGKILL)

        release = fleet.deploy("repeated")

        assert fleet.releases() == {release}
        assert {(one["release"], one["outcome"]) for one in fleet.histories()} == {
            (release, "live")
        }
        journals = fleet.journals()
        dead = fleet.begin_rollback()
        fleet.wait_for("from", dead, journals)
        dead.send(signal.SIGKILL)

        code, output = fleet.roll_back()

    assert code == 0, output
    assert fleet.releases() == {before}
    assert fleet.leftovers() == ""


def test_a_controller_that_slept_too_long_is_refused_and_the_fleet_stays_whole(
    fleet: Fleet,
) -> None:
    live, journals = fleet.releases(), fleet.journals()
    with fleet.load():
        asleep = fleet.begin("slept")
        fleet.wait_for("from", asleep, journals)
        asleep.send(signal.SIGSTOP)
        until(fleet.is_free, "the end of the lease", BACK_SECONDS)
        asleep.send(signal.SIGCONT)

        code, output = asleep.end()

    assert code != 0
    assert "of a deploy that has ended on this host" in output
    assert fleet.releases() == live
    assert fleet.leftovers() == ""


def test_of_two_deploys_at_once_one_is_refused_by_name_and_the_other_succeeds(
    fleet: Fleet,
) -> None:
    journals = fleet.journals()
    with fleet.load():
        first = fleet.begin("first")
        fleet.wait_for("begin", first, journals)
        second = fleet.begin("second")

        refused, why = second.end()
        code, output = first.end()

    assert refused != 0
    assert f"(process {first.process.pid}, " in why
    assert "invoke unlock" in why
    assert code == 0, output
    assert len(fleet.releases()) == 1
    assert fleet.leftovers() == ""


def test_a_deploy_that_waits_comes_after_the_one_that_was_first(fleet: Fleet) -> None:
    journals = fleet.journals()
    first = fleet.begin("ahead")
    fleet.wait_for("begin", first, journals)

    release = fleet.deploy("behind", release_wait_seconds=120)

    assert first.end()[0] == 0
    assert fleet.releases() == {release}


def test_a_host_that_loses_its_power_sends_the_others_back(fleet: Fleet) -> None:
    live, journals = fleet.releases(), fleet.journals()
    lost = fleet.hosts[1]
    with fleet.load(fleet.hosts[0]):
        running = fleet.begin("power")
        fleet.wait_for("migrate", running, journals, on=fleet.hosts[:1])
        labs.reboot(lost.vm.name, lab=lost.lab.name, hard=True)

        code, output = running.end()
        time.sleep(1)

    assert code != 0
    assert "UNREACHABLE" in output
    until(fleet.is_free, "the end of the lease", BACK_SECONDS)
    assert fleet.releases() == live
    assert fleet.leftovers() == ""
    assert fleet.releases() != {fleet.deploy("after-power")}
