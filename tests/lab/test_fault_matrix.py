"""Fault by phase, a fixed set of them: visitors see nothing, and the next deploy needs no hand.

`./inv soak` goes through hundreds more, at random instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.faults import (
    CANDIDATES,
    DAMAGE,
    SILENT,
    Scene,
    broken,
    call_on_a_host_is_killed,
    controller_is_killed,
    fill_up,
    idle_gunicorn_is_killed,
    small_disk,
)
from tests.lab.fleet import BACK_SECONDS, DEAD_MAN_SECONDS, Fleet, Play, until
from tests.lab.site import Host

pytestmark = pytest.mark.lab

# Time enough to meet a candidate while it soaks.
SLOW = {"app_health": {"path": "/ready", "soak_seconds": 8}}
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@contextmanager
def nothing_changes(fleet: Fleet) -> Iterator[None]:
    """What was live is live, and nothing is left over: the next fault meets the hosts like that."""
    live = fleet.releases()
    yield
    assert fleet.releases() == live
    assert fleet.leftovers() == ""


@contextmanager
def nobody_notices(fleet: Fleet) -> Iterator[set[str]]:
    """Visitors of all hosts see no failure; the next deploy succeeds and leaves nothing over."""
    with fleet.load():
        yield fleet.releases()
        release = fleet.deploy("next")
    assert fleet.releases() == {release}
    assert fleet.leftovers() == ""


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_that_fails_takes_no_traffic_on_any_host(fleet: Fleet, name: str) -> None:
    candidate = CANDIDATES[name]
    with fleet.load(), nothing_changes(fleet):
        with broken(fleet, candidate):
            code, output = fleet.begin("broken", **candidate.settings).end()

        assert code != 0
        assert candidate.cause in output


def test_a_disk_that_fills_up_on_one_host_changes_none(fleet: Fleet) -> None:
    full = fleet.hosts[1]
    hook = {"before_stage": [{"command": fill_up(full)}]}
    with fleet.load(), nothing_changes(fleet):
        with small_disk(full, 40_000):
            code, output = fleet.begin("full", release_free_megabytes=0, app_hooks=hook).end()

        assert code != 0
        assert f"{full.vm.name}" in output
        assert "a disk of the host is full" in output


def test_an_artifact_that_arrives_damaged_is_unpacked_nowhere(fleet: Fleet) -> None:
    hook = {"before_stage": [{"command": DAMAGE}]}
    with nobody_notices(fleet), nothing_changes(fleet):
        code, output = fleet.begin("damaged", app_hooks=hook).end()

        assert code != 0
        assert "arrived damaged" in output


@pytest.fixture
def known(fleet: Fleet) -> set[str]:
    """The releases that are there before the test."""
    return {name for state in fleet.states() for name in state["releases"]}


def test_a_call_that_is_killed_on_one_host_sends_all_back(fleet: Fleet, known: set[str]) -> None:
    with nobody_notices(fleet) as live:
        play = fleet.begin("call-killed", **SLOW)
        fleet.wait_for_candidate(fleet.hosts[1], play, known)
        call_on_a_host_is_killed(Scene(fleet, play, fleet.hosts[1]))
        code, output = play.end()

        assert code != 0
        assert "no answer" in output
        assert fleet.releases() == live


def test_a_candidate_whose_gunicorn_is_killed_in_its_soak_takes_no_traffic(
    fleet: Fleet, known: set[str]
) -> None:
    with nobody_notices(fleet) as live:
        play = fleet.begin("gunicorn-killed", **SLOW)
        fleet.wait_for_candidate(fleet.hosts[1], play, known)
        idle_gunicorn_is_killed(Scene(fleet, play, fleet.hosts[1]))
        code, output = play.end()

        assert code != 0
        assert "did not stay" in output
        assert fleet.releases() == live


def test_a_rollback_whose_controller_is_killed_after_the_switch_is_undone_by_the_hosts(
    fleet: Fleet,
) -> None:
    fleet.deploy("goes-on")
    journals = fleet.journals()
    with nobody_notices(fleet) as live:
        play = fleet.begin_rollback()
        fleet.wait_for("from", play, journals)
        controller_is_killed(Scene(fleet, play, fleet.hosts[1]))
        assert not fleet.releases() & live

        until(fleet.is_free, "the end of the lease", BACK_SECONDS)

        assert fleet.releases() == live


@contextmanager
def held_at_the_switch(fleet: Fleet) -> Iterator[tuple[Play, Host]]:
    """A rollback by invoke that has switched, and whose last host is not verified so soon."""
    fleet.deploy("goes-on")
    first, last = fleet.hosts
    live, journals = fleet.releases(), fleet.journals()
    with fleet.load(first):
        last.inside("systemctl stop nginx")
        try:
            play = fleet.begin_rollback("invoke")
            fleet.wait_for("from", play, journals, on=[last])
            yield play, last
        finally:
            last.inside("systemctl start nginx")
        until(fleet.is_free, "the end of the leases", BACK_SECONDS)
        assert fleet.releases() == live
        fleet.deploy("next")
    assert fleet.leftovers() == ""


def test_hosts_that_invoke_has_switched_go_back_at_once_when_it_is_killed(fleet: Fleet) -> None:
    with held_at_the_switch(fleet) as (play, last):
        controller_is_killed(Scene(fleet, play, last))
        until(fleet.is_free, "both hosts to go back")

        first, other = (str(one["cause"]) for one in fleet.histories())
        # Neither has waited until its lease was over.
        assert first == "the controller of the rollback was heard of no more"
        assert other.startswith("nginx does not answer")


@contextmanager
def patient(host: Host) -> Iterator[None]:
    """Let the host wait longer for its controller than this takes to give up another one."""
    settings, change = "/etc/turnout/hello.json", "sed -i '/dead_man_seconds/s/{}/{}/' {}"
    host.inside(change.format(DEAD_MAN_SECONDS, 120, settings))
    try:
        yield
    finally:
        host.inside(change.format(120, DEAD_MAN_SECONDS, settings))


def test_a_host_that_falls_silent_keeps_no_other_from_going_back(fleet: Fleet) -> None:
    with patient(fleet.hosts[0]), held_at_the_switch(fleet) as (play, last):
        last.inside(SILENT.format("add"))
        try:
            code, output = play.end()
        finally:
            last.inside(SILENT.format("del"))

        assert code != 0
        assert f"failed on {last.vm.name} in Switch" in output
        assert "the connection was lost" in output
        # It was told, and has not waited until its lease was over.
        assert str(fleet.histories()[0]["cause"]).startswith(f"{last.vm.name}: ")


def test_a_host_that_falls_silent_at_the_switch_goes_back_like_the_others(fleet: Fleet) -> None:
    silent, journals = fleet.hosts[1], fleet.journals()
    with nobody_notices(fleet) as live:
        play = fleet.begin("silent")
        fleet.wait_for("from", play, journals)
        silent.inside(SILENT.format("add"))
        try:
            code, output = play.end()
        finally:
            silent.inside(SILENT.format("del"))
        until(fleet.is_free, "the end of the lease", BACK_SECONDS)

        assert code != 0
        assert "UNREACHABLE" in output
        assert fleet.releases() == live


@pytest.fixture
def a_day_ahead(fleet: Fleet) -> Iterator[Host]:
    """A host on which every program of a deploy reads a wall clock that is a day ahead.

    Containers have their machine's clock, so it is the programs that are told another time.
    """
    host = fleet.hosts[1]
    host.inside("apt-get -qq update && apt-get -qq install --yes libfaketime >/dev/null")
    lies = f"LD_PRELOAD={FAKETIME}\\nFAKETIME=+1d\\nDONT_FAKE_MONOTONIC=1\\n"
    host.inside(f"cp /etc/environment /etc/environment.true; printf '{lies}' >> /etc/environment")
    yield host
    host.inside("mv /etc/environment.true /etc/environment")


def test_a_host_whose_clock_is_a_day_ahead_deploys_and_goes_back_like_the_others(
    fleet: Fleet, a_day_ahead: Host
) -> None:
    journals = fleet.journals()
    assert "Traceback" not in a_day_ahead.run("python3 -c 'import time'").stdout.decode()
    with nobody_notices(fleet):
        live = {fleet.deploy("skewed")}
        ahead = float(a_day_ahead.run("python3 -c 'import time; print(time.time())'").stdout)
        assert ahead - float(fleet.hosts[0].run("date +%s").stdout) > 80_000
        play = fleet.begin("skewed-killed")
        fleet.wait_for("from", play, journals)
        controller_is_killed(Scene(fleet, play, a_day_ahead))

        until(fleet.is_free, "the end of the lease", BACK_SECONDS)

        assert fleet.releases() == live
