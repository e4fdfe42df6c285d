"""Hosts where nobody logs in as root: the host program runs by sudo, for a whole rollback too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.lab.fleet import until
from tests.lab.site import Site
from turnout import inventory, ssh
from turnout.conversation import Conversation
from turnout.environment import Host

pytestmark = pytest.mark.lab

MAKE = """
useradd --create-home --shell /bin/bash anna
install -d -o anna -g anna -m 700 /home/anna/.ssh
install -o anna -g anna -m 600 /root/.ssh/authorized_keys /home/anna/.ssh/
echo 'anna ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/anna
"""


@pytest.fixture(scope="module")
def site(small_site: Site) -> Site:
    return small_site


@pytest.fixture
def anna(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host as a user sees it who may become root without a password."""
    done = site.host.run("sh -es", stdin=MAKE.encode())
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("TURNOUT_LAB", site.host.lab.name)
    (host,) = inventory.load("local").hosts
    yield replace(host, user="anna")
    ssh.close()
    site.host.inside("userdel --force --remove anna; rm /etc/sudoers.d/anna")


def test_a_user_with_sudo_conducts_a_rollback_and_its_end_sends_the_host_back(
    site: Site, anna: Host
) -> None:
    earlier, live = site.deploy("earlier"), site.deploy("later")
    lease = {"token": "t", "owner": "anna", "reason": "rollback", "seconds": 60}
    talk = Conversation(anna, site.name, "rollback", "--together")

    assert talk.answer(20)["rollback_to"] == earlier
    for phase in ("recall", "start", "switch"):
        talk.ask({"phase": phase, "lease": lease}, 60)
    assert site.status()["release"] == earlier
    talk.close()

    def is_back() -> bool:
        state = site.status()
        return state["release"] == live and state["lease"] is None

    until(is_back, "the way back")
    assert site.status()["history"][-1]["outcome"] == "failed"
