"""Every phase works under the lease, and the host watches over whoever holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from turnout_host import (
    begin_phases,
    calls,
    journal,
    lease,
    phases,
    releases,
    rollback,
    settle,
    splits,
    stage,
    start_phases,
    switch,
    traffic_phases,
    watch,
)
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.units import Slots

LEASE = {"token": "t2", "owner": "alice@laptop (process 1)", "reason": "deploy", "seconds": 60}


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch, slots: Slots) -> None:
    monkeypatch.setattr(phases, "Slots", lambda _layout: slots)
    monkeypatch.setattr(switch, "verify", lambda *_, **__: None)


@pytest.fixture
def staged(layout: Layout, systemd: FakeSystemd) -> Layout:
    """r1 is live in blue; r2 runs in green and is about to be switched to."""
    making.put_live(layout, "blue", "r1")
    systemd.set("blue", ActiveState="active", MainPID=11)
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    systemd.set("green", ActiveState="active", MainPID=22)
    call(layout, "take")
    journal.begin(layout, "r2", token="t2")
    return layout


def call(layout: Layout, phase: str, holder: str = "t2", **parameters: Any) -> dict[str, Any]:
    known = {"release": "r2", "port": 80, "tls": False, "cause": "web2 failed"}
    known |= {"warm_seconds": 300, "lease": {**LEASE, "token": holder}}
    return phases.run(phase, layout, {**known, **parameters}, check=False)


@pytest.mark.parametrize("initialised", [False, True])
def test_a_host_notes_at_its_commit_that_another_one_has_run_init(
    staged: Layout, initialised: bool
) -> None:
    switched(staged)

    call(staged, "commit", initialised=initialised)

    assert staged.initialised.exists() is initialised


def test_a_commit_tells_what_came_of_the_deploy_for_visitors(staged: Layout) -> None:
    switched(staged)
    result = call(staged, "commit")

    assert (result["receipt"]["release"], result["receipt"]["outcome"]) == ("r2", "live")
    assert result["receipt"]["switch_ms"] > 0
    assert (result["state"]["release"], result["state"]["lease"]) == ("r2", None)
    # Nothing was started here that asks.
    assert result["words"].startswith("no request seen (the probe did not run); switch ")


def _broken(*_: Any, **__: Any) -> Any:
    raise HostFailure("systemctl show did not end within 60 s", "look at the load of the host")


def test_a_commit_has_happened_though_nothing_can_be_told_of_it(
    staged: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched(staged)
    monkeypatch.setattr(traffic_phases.looking, "state", _broken)
    monkeypatch.setattr(traffic_phases.probe, "conclude", _broken)

    result = call(staged, "commit")

    assert result["changed"]
    assert not {"state", "receipt"} & result.keys()


def test_a_commit_has_happened_though_the_journal_takes_no_line_more(
    staged: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched(staged)
    record = journal.record

    def full(layout: Layout, phase: str, **facts: Any) -> None:
        if phase == "commit":
            raise OSError(28, "No space left on device")
        record(layout, phase, **facts)

    monkeypatch.setattr(journal, "record", full)

    assert call(staged, "commit")["changed"]


def test_a_host_is_measured_while_its_new_release_starts(
    staged: Layout, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_phases.starting, "start", lambda *_, **__: "green")

    call(staged, "start", drain_seconds=1, probe_rate=20)

    assert systemd.called("turnout-probe-hello")


def test_a_host_that_goes_back_tells_what_came_of_it(staged: Layout) -> None:
    switched(staged)

    assert call(staged, "revert")["receipt"]["outcome"] == "failed"


def switched(layout: Layout) -> None:
    call(layout, "switch")
    assert releases.live(layout) == "r2"


def end_of_lease(layout: Layout) -> None:
    lease.renew(layout, "t2", -1)


def look(layout: Layout, slots: Slots) -> dict[str, Any]:
    return watch.look(layout, slots)


def test_a_host_whose_controller_died_after_the_switch_goes_back_by_itself(
    staged: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    switched(staged)
    assert look(staged, slots) == {"held": True, "reverted": False}
    end_of_lease(staged)

    assert look(staged, slots) == {"held": False, "reverted": True}

    assert releases.live(staged) == "r1"
    assert not systemd.is_running("green")
    last = journal.read_lines(staged.history)[-1]
    assert (last["outcome"], last["release"]) == ("failed", "r2")
    assert "alice@laptop (process 1) died" in last["cause"]
    assert lease.read(staged) is None
    assert systemd.called("systemctl stop --no-block turnout-watch-hello.timer")


def test_a_controller_that_comes_back_too_late_changes_nothing_any_more(
    staged: Layout, slots: Slots
) -> None:
    switched(staged)
    end_of_lease(staged)
    look(staged, slots)

    for phase in ("start", "switch", "commit"):
        with pytest.raises(HostFailure, match="of a deploy that has ended"):
            call(staged, phase, drain_seconds=1)
    assert not call(staged, "revert")["changed"]
    assert releases.live(staged) == "r1"


def test_a_controller_that_comes_back_in_time_commits(staged: Layout, slots: Slots) -> None:
    switched(staged)
    end_of_lease(staged)

    call(staged, "commit")

    assert look(staged, slots) == {"held": False, "reverted": False}
    assert releases.live(staged) == "r2"
    assert lease.read(staged) is None


def test_a_deploy_that_died_after_its_commit_has_happened(
    staged: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_call: calls.Call) -> None:
        raise KeyboardInterrupt

    switched(staged)
    monkeypatch.setattr(traffic_phases, "_end", killed)
    with pytest.raises(KeyboardInterrupt):
        call(staged, "commit")
    end_of_lease(staged)

    # So that the slot before stops one day, whoever dies.
    assert systemd.called("turnout-settle-hello --on-active=300")
    assert look(staged, slots) == {"held": False, "reverted": False}
    assert releases.live(staged) == "r2"


def test_a_commit_that_died_before_it_had_said_when_the_old_slot_stops_is_helped_by_the_watch(
    staged: Layout, slots: Slots, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    switched(staged)
    with monkeypatch.context() as patched:
        patched.setattr(settle, "schedule_idle", killed)
        with pytest.raises(KeyboardInterrupt):
            call(staged, "commit")
    end_of_lease(staged)

    look(staged, slots)

    assert systemd.called("turnout-settle-hello --on-active=300")


def test_a_host_that_committed_and_did_not_say_so_goes_back_with_the_others(
    staged: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_call: calls.Call) -> None:
        raise KeyboardInterrupt

    switched(staged)
    with monkeypatch.context() as patched:
        patched.setattr(traffic_phases, "_end", killed)
        with pytest.raises(KeyboardInterrupt):
            call(staged, "commit")

    assert call(staged, "revert")["changed"]
    assert releases.live(staged) == "r1"


def test_what_was_warm_before_a_deploy_that_failed_is_stopped_all_the_same(
    layout: Layout, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "green", "r0")
    making.put_live(layout, "blue", "r1")
    for slot in ("blue", "green"):
        systemd.set(slot, ActiveState="active", MainPID=7)
    call(layout, "take")
    journal.begin(layout, "r2", token="t2")
    settle.cancel(layout, systemd)

    call(layout, "revert")

    assert systemd.is_running("green")
    (timer,) = systemd.called("turnout-settle-hello --on-active")
    assert timer.endswith("--slot green")


def test_what_a_rollback_that_is_taken_back_went_to_is_stopped_when_its_time_is_over(
    layout: Layout, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "green", "r1")
    making.put_live(layout, "blue", "r2")
    for slot in ("blue", "green"):
        systemd.set(slot, ActiveState="active", MainPID=7)
    call(layout, "take")
    journal.begin(layout, "r1", "rollback", token="t2")
    journal.record(layout, "warm")
    call(layout, "switch", release="r1")
    call(layout, "commit", release="r1")

    call(layout, "revert")

    assert (releases.live(layout), systemd.is_running("green")) == ("r2", True)
    assert systemd.called("turnout-settle-hello --on-active")[-1].endswith("--slot green")


def test_a_host_goes_back_though_nothing_is_warm_any_more(
    staged: Layout, systemd: FakeSystemd, blue_site: Site
) -> None:
    switched(staged)
    call(staged, "commit", warm_seconds=0)
    systemd.set("blue", ActiveState="inactive", MainPID=0)

    assert call(staged, "revert")["changed"]

    assert releases.live(staged) == "r1"
    assert systemd.is_running("blue")


def test_a_host_whose_former_release_does_not_start_stays_where_it_is_and_says_so(
    staged: Layout, systemd: FakeSystemd
) -> None:
    switched(staged)
    call(staged, "commit", warm_seconds=0)
    systemd.set("blue", ActiveState="inactive", MainPID=0)

    with pytest.raises(HostFailure, match="blue did not become healthy"):
        call(staged, "revert")
    assert releases.live(staged) == "r2"
    # Systemd would start it for ever.
    assert not systemd.is_running("blue")


def test_a_first_deploy_is_taken_back_to_nothing(layout: Layout, systemd: FakeSystemd) -> None:
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "blue", "r2")
    systemd.set("blue", ActiveState="active", MainPID=7)
    call(layout, "take")
    journal.begin(layout, "r2", token="t2")
    switched(layout)
    call(layout, "commit")

    assert call(layout, "revert")["changed"]
    assert releases.live(layout) is None
    assert not systemd.is_running("blue")


def test_a_rollback_to_what_is_live_moves_nothing_though_the_other_slot_has_the_same(
    layout: Layout, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "green", "r2")
    making.put_in_slot(layout, "blue", "r2")
    call(layout, "take")
    journal.begin(layout, "r2", journal.ROLLBACK, token="t2")

    assert call(layout, "switch")["slot"] == "green"
    assert splits.live(layout) == "green"


def test_the_history_says_what_was_live_when_the_deploy_began(
    staged: Layout, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin_phases.staging, "stage", lambda *_: True)
    switched(staged)
    call(staged, "commit")
    making.make_release(staged, "r3")

    call(staged, "stage", release="r3", settings={}, import_check=False)

    begun = journal.last(staged, "begin")
    assert begun
    assert begun["facts"] == {"previous_release": "r2"}


def test_a_host_that_waits_for_others_is_not_taken_for_dead(staged: Layout, slots: Slots) -> None:
    call(staged, "renew", lease={**LEASE, "seconds": 600})

    held = lease.read(staged)
    assert held
    assert held.seconds_left > 500
    assert look(staged, slots) == {"held": True, "reverted": False}


def test_nobody_reverts_somebody_elses_deploy(staged: Layout) -> None:
    switched(staged)

    assert not call(staged, "revert", holder="t3")["changed"]

    assert releases.live(staged) == "r2"
    assert lease.is_held_by(staged, "t2")


def test_a_deploy_that_comes_second_is_refused_and_touches_nothing(staged: Layout) -> None:
    with pytest.raises(HostFailure, match="is being changed by alice@laptop"):
        call(staged, "take", holder="t3")

    assert lease.is_held_by(staged, "t2")
    assert journal.running(staged)


def test_a_rollback_does_not_come_between_the_phases_of_a_deploy(staged: Layout) -> None:
    with pytest.raises(HostFailure, match="is being changed by alice@laptop"):
        call(staged, "recall", holder="t3", release="r1")

    assert releases.live(staged) == "r1"


def test_all_hosts_go_back_when_one_could_not_commit(staged: Layout) -> None:
    switched(staged)
    call(staged, "commit")

    done = call(staged, "revert")

    assert (done["changed"], done["back"]) == (True, True)
    assert releases.live(staged) == "r1"
    assert releases.verified(staged) == ["r1"]


@pytest.mark.parametrize("ended", [False, True])
def test_of_a_host_that_another_deploy_has_taken_meanwhile_it_is_not_said_that_it_went_back(
    staged: Layout, slots: Slots, *, ended: bool
) -> None:
    switched(staged)
    call(staged, "commit")
    call(staged, "take", holder="t3")
    if ended:
        journal.begin(staged, "r3", token="t3")
        watch.recover(staged, slots)

    assert not call(staged, "revert")["back"]


def test_a_host_on_which_nothing_has_begun_is_back(layout: Layout) -> None:
    call(layout, "take")

    done = call(layout, "revert")

    assert (done["changed"], done["back"]) == (False, True)


def test_who_goes_back_waits_longer_for_the_lock_than_a_slot_may_take_to_drain(
    staged: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    @contextmanager
    def exclusive(_layout: Layout, wait_seconds: float) -> Iterator[None]:
        waits.append(wait_seconds)
        yield

    monkeypatch.setattr(phases, "exclusive", exclusive)
    call(staged, "switch")
    call(staged, "revert")

    assert waits == [60, 600]


def test_the_watch_is_started_once(layout: Layout, systemd: FakeSystemd) -> None:
    call(layout, "take")
    call(layout, "take")

    assert len(systemd.called("systemd-run")) == 1


def test_the_next_deploy_puts_right_what_a_dead_one_left(
    staged: Layout, systemd: FakeSystemd
) -> None:
    switched(staged)
    end_of_lease(staged)

    call(staged, "take", holder="t3")

    assert switch.reconcile(staged, Slots(staged, systemd))
    assert splits.live(staged) == "blue"


def test_the_next_deploy_meets_no_timer_for_what_it_has_gone_back_from(
    staged: Layout, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin_phases.staging, "stage", lambda *_: True)
    monkeypatch.setattr(switch.drain, "in_flight", lambda *_: 1)
    monkeypatch.setattr(switch, "GONE_BACK_SECONDS", 0.1)
    switched(staged)
    end_of_lease(staged)
    making.make_release(staged, "r3")

    call(staged, "stage", holder="t3", release="r3", settings={}, import_check=False)

    timer = systemd.called("turnout-settle-hello")
    assert any("systemd-run" in line for line in timer)
    assert "systemctl stop" in timer[-1]


def test_recover_frees_a_host_of_a_dead_deploy(staged: Layout, slots: Slots) -> None:
    switched(staged)

    done = watch.recover(staged, slots)

    assert (done["reverted"], done["owner"], done["release"]) == (True, LEASE["owner"], "r1")
    assert lease.read(staged) is None
    assert watch.recover(staged, slots)["changed"] is False


def test_what_was_switched_to_and_is_not_committed_may_go_back_yet(staged: Layout) -> None:
    switched(staged)
    assert releases.live(staged) == "r2"
    assert switch.committed(staged) == "r1"
    # Its controller died, and somebody goes back: from what was live before, and not from it.
    with pytest.raises(HostFailure, match="no verified release before r1"):
        rollback.target(staged, None)

    call(staged, "commit")

    assert switch.committed(staged) == "r2"
    assert rollback.target(staged, None) == "r1"


MIGRATION = {"migrate_command": "flask db upgrade", "timeout_seconds": 5, "import_checked": False}


@pytest.fixture
def migrating(layout: Layout, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """r1 is live in blue; r2 is staged, and green is free for it."""
    monkeypatch.setattr(stage, "check", lambda *_, **__: None)
    monkeypatch.setattr(start_phases.migration, "migrate", lambda *_, **__: "migrated")
    making.put_live(layout, "blue", "r1")
    making.make_release(layout, "r2")
    call(layout, "take")
    journal.begin(layout, "r2", token="t2")
    return layout


def test_the_slot_is_made_ready_while_the_release_migrates(
    migrating: Layout, systemd: FakeSystemd
) -> None:
    call(migrating, "migrate", **MIGRATION)

    assert releases.in_slot(migrating, "green") == "r2"
    assert migrating.drop_in("green").exists()
    assert not systemd.is_running("green")


def test_a_slot_that_still_answers_is_left_to_the_start(
    migrating: Layout, systemd: FakeSystemd
) -> None:
    making.make_release(migrating, "r0")
    making.put_in_slot(migrating, "green", "r0")
    systemd.set("green", ActiveState="active", MainPID=22)

    call(migrating, "migrate", **MIGRATION)

    assert releases.in_slot(migrating, "green") == "r0"


@pytest.fixture
def broken(migrating: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """r2 does not migrate, because it does not import."""

    def fail(*_: Any, **__: Any) -> str:
        raise HostFailure("app_migrate_command failed with exit code 2", "read its output")

    def check(*_: Any, **__: Any) -> None:
        raise HostFailure("the app does not import: ModuleNotFoundError", "mend the app")

    monkeypatch.setattr(start_phases.migration, "migrate", fail)
    monkeypatch.setattr(stage, "check", check)
    return migrating


def test_an_app_that_does_not_import_is_the_cause_and_not_its_consequence(broken: Layout) -> None:
    with pytest.raises(HostFailure, match="does not import: ModuleNotFoundError"):
        call(broken, "migrate", **MIGRATION)


def test_an_app_with_another_entry_is_imported_beside_its_migration(
    broken: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_phases.migration, "migrate", lambda *_, **__: "migrated")
    making.make_release(broken, "r3", entry="hello:create_app")

    with pytest.raises(HostFailure, match="does not import"):
        call(broken, "migrate", **{**MIGRATION, "release": "r3"})


def test_an_app_that_flask_imports_to_migrate_is_not_imported_twice(
    broken: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_phases.migration, "migrate", lambda *_, **__: "migrated")

    assert call(broken, "migrate", **MIGRATION)["output"] == "migrated"


@pytest.mark.parametrize(("checked", "cause"), [(False, "does not import"), (True, "crashes")])
def test_a_start_that_fails_is_explained_by_an_import_that_was_not_tried(
    broken: Layout, monkeypatch: pytest.MonkeyPatch, checked: bool, cause: str
) -> None:
    def crash(*_: Any, **__: Any) -> str:
        raise HostFailure("the release crashes at start", "read its log")

    monkeypatch.setattr(start_phases.starting, "start", crash)

    with pytest.raises(HostFailure, match=cause):
        call(broken, "start", drain_seconds=5, probe_rate=0, import_checked=checked)


def test_what_was_imported_on_trial_is_not_imported_again(broken: Layout) -> None:
    with pytest.raises(HostFailure, match="failed with exit code 2"):
        call(broken, "migrate", **{**MIGRATION, "import_checked": True})


def test_deploys_that_fail_one_after_another_do_not_fill_the_disk(staged: Layout) -> None:
    for name in ("f1", "f2"):
        making.make_release(staged, name)
        releases.mark_failed(staged, name, "a test")
        journal.conclude(staged, "deploy", "failed", release=name)

    call(staged, "revert")

    assert releases.names(staged) == ["f2", "r1", "r2"]


def test_a_host_goes_back_even_where_nothing_can_be_removed(
    staged: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_layout: Layout) -> list[str]:
        raise OSError(30, "Read-only file system")

    switched(staged)
    monkeypatch.setattr(settle, "prune", refused)

    assert call(staged, "revert")["changed"]
    assert releases.live(staged) == "r1"


def test_an_audit_needs_no_lease_and_changes_nothing(staged: Layout) -> None:
    result = phases.run("audit", staged, {}, check=False)

    assert not result["changed"]
    assert result["under_way"]
    assert [one["kind"] for one in result["differences"]] == ["seal"]
    assert result["lines"][0].startswith(f"{staged.audit_key}: seal missing")


@pytest.mark.parametrize(
    ("noted", "words"),
    [
        ([], "before the end of its first phase"),
        (["stage"], "after its stage"),
        (["stage", "migrate", "start", "from"], "after its start, before any traffic"),
        (["stage", "start", "from", "moved"], "in its switch, with traffic on its release"),
        (["stage", "start", "from", "moved", "switch"], "after its switch"),
    ],
)
def test_the_journal_says_how_far_a_dead_deploy_got(
    layout: Layout, slots: Slots, noted: list[str], words: str
) -> None:
    journal.begin(layout, "r1")
    for phase in noted:
        journal.record(layout, phase, seconds=0.1, split=None, to="green")

    assert watch.recover(layout, slots)["reached"] == words
    assert journal.read_lines(layout.history)[-1]["cause"] == f"the deploy died {words}"
