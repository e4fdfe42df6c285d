"""All hosts or none: deploys in batches, and rollbacks, of a fleet that shares a database."""

from __future__ import annotations

import re

import pytest

from tests.lab.fleet import Fleet
from tests.lab.site import Host

pytestmark = pytest.mark.lab

# `invoke rollback` goes past Ansible where there are neither hooks nor batches.
CONDUCTORS = ("playbook", "invoke")


@pytest.fixture
def two(fleet: Fleet) -> tuple[str, str]:
    """Two releases that were verified one after the other; the later one is live."""
    (earlier,) = fleet.releases()
    return earlier, fleet.deploy(f"later than {earlier}")


def break_cold_start(fleet: Fleet, host: Host, release: str) -> None:
    """Stop the warm slot of a host, and take away what its release needs to start."""
    slots = "systemctl stop turnout-settle-{0}.timer; cd /srv/{0}; for slot in blue green; do "
    slots += "readlink slots/$slot | grep -q /{1}$ && systemctl stop {0}@$slot.socket "
    slots += "{0}@$slot.service; done; cd releases/{1}/code && mv hello gone"
    assert host.run(slots.format(fleet.name, release)).returncode == 0


def mend_cold_start(fleet: Fleet, host: Host, release: str) -> None:
    code = f"/srv/{fleet.name}/releases/{release}/code"
    assert host.run(f"cd {code} && mv gone hello").returncode == 0


@pytest.mark.parametrize("by", CONDUCTORS)
def test_all_hosts_go_back_to_the_release_before_and_no_request_is_lost(
    fleet: Fleet, two: tuple[str, str], by: str
) -> None:
    with fleet.load():
        code, output = fleet.roll_back(by)

    assert code == 0, output
    assert fleet.releases() == {two[0]}
    assert {(one["action"], one["outcome"]) for one in fleet.histories()} == {("rollback", "live")}
    assert fleet.leftovers() == ""


def test_a_rollback_goes_batch_by_batch_and_is_watched_where_the_team_wants_that(
    fleet: Fleet, two: tuple[str, str]
) -> None:
    with fleet.load():
        code, output = fleet.roll_back(app_batch=1, app_bake_seconds=2, app_bake_latency=1000.0)

    assert code == 0, output
    assert len(re.findall(r"-[12]: \d+ requests, 0 failed \(0\.0%\), p95", output)) == 2, output
    first, second = (fleet.switched(host) for host in fleet.hosts)
    assert first < second
    assert fleet.releases() == {two[0]}
    assert fleet.leftovers() == ""


@pytest.mark.parametrize("by", CONDUCTORS)
def test_no_host_goes_back_when_one_cannot_and_all_do_when_it_can_again(
    fleet: Fleet, two: tuple[str, str], by: str
) -> None:
    broken = fleet.hosts[1]
    break_cold_start(fleet, broken, two[0])
    with fleet.load():
        code, output = fleet.roll_back(by)

    assert code != 0
    assert "the release crashes at start" in output
    assert fleet.releases() == {two[1]}
    assert {(one["action"], one["outcome"]) for one in fleet.histories()} == {
        ("rollback", "failed")
    }
    assert fleet.leftovers() == ""

    mend_cold_start(fleet, broken, two[0])
    code, output = fleet.roll_back(by)
    assert code == 0, output
    assert fleet.releases() == {two[0]}


def test_batches_switch_one_after_the_other_and_lose_no_request(fleet: Fleet) -> None:
    with fleet.load():
        release = fleet.deploy("batches", app_batch=1)

    first, second = (fleet.switched(host) for host in fleet.hosts)
    assert first < second
    assert fleet.releases() == {release}
    assert fleet.leftovers() == ""


def test_the_first_batch_goes_back_when_the_second_one_fails(fleet: Fleet) -> None:
    live = fleet.releases()
    last = fleet.hosts[1]
    with fleet.load(fleet.hosts[0]):
        assert last.run("systemctl stop nginx").returncode == 0
        running = fleet.begin("second-batch-fails", app_batch="50%")
        code, output = running.end()
        assert last.run("systemctl start nginx").returncode == 0

    assert code != 0
    assert "nginx does not answer" in output
    assert fleet.releases() == live
    assert fleet.leftovers() == ""


def test_the_earlier_code_runs_with_todays_environment(fleet: Fleet) -> None:
    fleet.deploy("old-key")
    live = fleet.deploy("new-key", app_secrets={"SECRET_KEY": "a-new-key-of-thirty-two-letters!"})

    code, output = fleet.roll_back(release_rollback_current_env=True)

    assert code == 0, output
    (release,) = fleet.releases()
    envs = {
        host.run(f"cat /srv/hello/releases/{name}/env").stdout
        for host in fleet.hosts
        for name in (release, live)
    }
    assert len({env for env in envs if b"a-new-key" in env}) >= 1
    assert all(b"a-new-key" in env for env in envs)
    version = fleet.hosts[0].run(f"cat /srv/hello/releases/{release}/code/hello/version.py").stdout
    assert b"old-key" in version
