"""The moments in which traffic moves: switch, verify, commit, revert."""

from __future__ import annotations

import json
import os

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from turnout_host import journal, releases, splits, switch
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.units import Slots


def begin_deploy(layout: Layout, systemd: FakeSystemd, name: str, token: str = "") -> str:
    """Stage and start ``name`` in the idle slot; return the slot."""
    slot = splits.idle_slot(layout)
    if not layout.release(name).exists():
        making.make_release(layout, name)
    making.put_in_slot(layout, slot, name)
    systemd.set(slot, ActiveState="active", MainPID=len(name) + os.getpid())
    journal.begin(layout, name, token=token)
    return slot


def deploy(layout: Layout, systemd: FakeSystemd, name: str) -> None:
    """Deploy ``name`` to its end."""
    switch.switch(layout, begin_deploy(layout, systemd, name))
    switch.commit(layout, name)


def test_a_switch_says_whether_it_changed_anything(layout: Layout, systemd: FakeSystemd) -> None:
    slot = begin_deploy(layout, systemd, "r1")

    assert switch.switch(layout, slot)
    assert not switch.switch(layout, slot)
    assert splits.lanes(layout, splits.live(layout))[slot] == 20


def test_a_first_deploy_is_reverted_to_nothing(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    switch.switch(layout, begin_deploy(layout, systemd, "r1"))

    assert switch.revert(layout, slots, "a test") == {"changed": True, "live": None}
    assert not layout.live.is_symlink()
    assert not systemd.is_running("blue")


def test_a_second_deploy_is_reverted_to_the_first(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    switch.switch(layout, begin_deploy(layout, systemd, "r2"))

    assert switch.revert(layout, slots, "web2 failed") == {"changed": True, "live": "blue"}

    assert releases.in_slot(layout, "blue") == "r1"
    assert systemd.is_running("blue")
    assert not systemd.is_running("green")
    last = journal.read_lines(layout.history)[-1]
    assert (last["action"], last["outcome"], last["release"]) == ("deploy", "failed", "r2")
    assert last["cause"] == "web2 failed"


def test_a_revert_goes_back_to_a_mixed_split(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    begin_deploy(layout, systemd, "r2")
    mixed = splits.create(layout, {"blue": 19, "green": 1})
    splits.make_live(layout, mixed)
    switch.switch(layout, "green")
    making.put_in_slot(layout, "green", "r3")

    switch.revert(layout, slots, "a test")

    assert splits.live(layout) == mixed


def test_a_deploy_that_never_switched_has_its_slot_stopped_and_nothing_moves(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    begin_deploy(layout, systemd, "r2")

    assert switch.revert(layout, slots, "a test") == {"changed": False, "live": "blue"}
    assert not systemd.is_running("green")


@pytest.mark.parametrize("share", [0, 25, 100])
def test_visitors_of_a_release_that_is_gone_back_from_have_the_apps_drain_time(
    layout: Layout,
    slots: Slots,
    systemd: FakeSystemd,
    monkeypatch: pytest.MonkeyPatch,
    share: int,
) -> None:
    deploy(layout, systemd, "r1")
    slot = begin_deploy(layout, systemd, "r2")
    if share:
        switch.switch(layout, slot, share)
    monkeypatch.setattr(switch.drain, "in_flight", lambda *_: 1)
    monkeypatch.setattr(switch, "GONE_BACK_SECONDS", 0.1)

    switch.revert(layout, slots, "aborted by hand")

    # One that never had traffic has nobody but us to answer.
    assert systemd.is_running("green") is bool(share)
    assert bool(systemd.called("turnout-settle-hello --on-active=1")) is bool(share)


def test_a_warm_slot_with_another_release_is_left_warm(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    journal.begin(layout, "r3")

    switch.revert(layout, slots, "stage failed")

    assert systemd.is_running("blue")
    assert splits.live(layout) == "green"


def test_reverting_twice_is_reverting_once(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    switch.switch(layout, begin_deploy(layout, systemd, "r2"))
    switch.revert(layout, slots, "a test")
    before, calls = layout.history.read_bytes(), len(systemd.calls)

    assert switch.revert(layout, slots, "a test") == {"changed": False, "live": "blue"}
    assert layout.history.read_bytes() == before
    assert len(systemd.calls) == calls


def test_a_revert_after_the_commit_does_nothing(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    deploy(layout, systemd, "r2")
    calls = len(systemd.calls)

    assert switch.revert(layout, slots, "a test") == {"changed": False, "live": "green"}
    assert len(systemd.calls) == calls


def test_a_revert_before_any_deploy_does_nothing(layout: Layout, slots: Slots) -> None:
    assert switch.revert(layout, slots, "a test") == {"changed": False, "live": None}
    assert not layout.history.exists()


def test_a_commit_is_taken_back_when_another_host_could_not_commit(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    switch.switch(layout, begin_deploy(layout, systemd, "r2", token="t2"))
    switch.commit(layout, "r2")

    done = switch.take_back(layout, slots, "t2", "web2 could not commit")

    assert done == {"changed": True, "live": "blue"}
    assert releases.live(layout) == "r1"
    assert releases.verified(layout) == ["r1"]
    assert journal.read_lines(layout.history)[-1]["outcome"] == "withdrawn"
    assert not systemd.is_running("green")


def test_a_rollback_never_goes_to_what_was_taken_back(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    deploy(layout, systemd, "r1")
    switch.switch(layout, begin_deploy(layout, systemd, "r2", token="t2"))
    switch.commit(layout, "r2")
    switch.take_back(layout, slots, "t2", "web2 could not commit")
    deploy(layout, systemd, "r3")

    assert releases.before(layout, "r3") == "r1"


@pytest.mark.parametrize("token", ["t1", ""])
def test_only_the_latest_deploy_is_taken_back(
    layout: Layout, slots: Slots, systemd: FakeSystemd, token: str
) -> None:
    deploy(layout, systemd, "r1")
    switch.switch(layout, begin_deploy(layout, systemd, "r2", token="t2"))
    switch.commit(layout, "r2")

    assert not switch.take_back(layout, slots, token, "a test")["changed"]
    assert releases.live(layout) == "r2"


def test_a_commit_takes_back_an_earlier_failure(layout: Layout, systemd: FakeSystemd) -> None:
    slot = begin_deploy(layout, systemd, "r1")
    releases.mark_failed(layout, "r1", "a cold database")
    switch.switch(layout, slot)

    entry = switch.commit(layout, "r1", actor="ann")

    assert releases.verified(layout) == ["r1"]
    assert entry["actor"] == "ann"
    assert journal.read_lines(layout.history) == [entry]


def test_verify_wants_the_release_itself_several_times(layout: Layout, nginx: Site) -> None:
    making.make_release(layout, "r2")
    nginx.headers = {"X-Turnout-Release": "green/r2"}

    switch.verify(layout, "r2", {"port": nginx.port, "tls": False})

    assert len(nginx.asked) == switch.ANSWERS_IN_A_ROW


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["a.example", "hello.example"], "hello.example"),
        (["*.b.example", "a.example"], "www.b.example"),
        (["b.example"], "b.example"),
        ([], "hello.example"),
    ],
)
def test_a_release_is_asked_for_by_a_name_that_the_site_still_has(
    layout: Layout, nginx: Site, names: list[str], host: str
) -> None:
    making.make_release(layout, "r2")
    layout.settings.parent.mkdir(parents=True, exist_ok=True)
    layout.settings.write_text(json.dumps({"hostnames": names}))

    switch.verify(layout, "r2", {"port": nginx.port, "tls": False})

    assert {headers["Host"] for _, headers in nginx.asked} == {host}


def test_verify_does_not_take_the_old_release_for_the_new_one(layout: Layout, nginx: Site) -> None:
    making.make_release(layout, "r2")
    nginx.headers = {"X-Turnout-Release": "blue/r1"}

    with pytest.raises(HostFailure, match="blue/r1 answered") as failed:
        switch.verify(layout, "r2", {"port": nginx.port, "tls": False})

    assert "HTTP 200" in failed.value.evidence


def test_verify_takes_the_health_page_alone_of_workers_that_do_not_say_their_release(
    layout: Layout, nginx: Site
) -> None:
    making.make_release(layout, "r2")

    switch.verify(layout, "r2", {"port": nginx.port, "tls": False})
    nginx.status = 502
    with pytest.raises(HostFailure, match="answered 502"):
        switch.verify(layout, "r2", {"port": nginx.port, "tls": False})


def test_next_deploy_puts_right_what_a_killed_one_left(layout: Layout, slots: Slots) -> None:
    making.put_live(layout, "blue", "r1")
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    journal.begin(layout, "r2")
    switch.switch(layout, "green")

    assert switch.reconcile(layout, slots)

    assert splits.live_slot(layout) == "blue"
    assert journal.running(layout) is None
    assert not switch.reconcile(layout, slots)


def test_deploy_that_was_overtaken_is_not_committed(layout: Layout, slots: Slots) -> None:
    making.put_live(layout, "blue", "r1")
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    journal.begin(layout, "r2")

    with pytest.raises(HostFailure, match="overtook"):
        switch.commit(layout, "r2")
