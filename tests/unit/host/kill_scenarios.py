"""What is done to a host while it is killed, and what must hold whenever that happens.

Each operation runs in a child that dies before its first change, then before its
second, and so on until it lives to its end. After each death the host must be
sound, and the same operation must then succeed and leave nothing behind.

A program of its own (``python -m tests.unit.host.kill_scenarios``), since it forks
hundreds of times and that is cheap for a small process only.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.killing import instants, killed_at
from turnout_host import (
    atomic,
    drain,
    health,
    journal,
    pruning,
    releases,
    splits,
    stage,
    start,
    switch,
)
from turnout_host.layout import LANES, Layout
from turnout_host.units import Slots


@dataclass
class Host:
    """One host, and what may be done to it."""

    layout: Layout
    systemd: FakeSystemd

    @property
    def slots(self) -> Slots:
        return Slots(self.layout, self.systemd)


Act = Callable[[Host], object]


def new_host(root: Path) -> Host:
    """Make the same provisioned host again and again."""
    layout = Layout("hello", root / "host")
    shutil.rmtree(layout.root, ignore_errors=True)
    layout.root.mkdir()
    making.provision(layout)
    return Host(layout, FakeSystemd(layout))


def kill_everywhere(root: Path, before: Act, act: Act, after: Act) -> int:
    """Kill ``act`` at each of its instants on a new host; return how many it has."""
    for instant in instants():
        host = new_host(root)
        before(host)
        known = live_before(host), history(host)
        killed = killed_at(instant, lambda: act(host))  # noqa: B023
        assert_sound(host, *known)
        if killed:
            act(host)
            assert_sound(host, *known)
        after(host)
        assert making.leftovers(host.layout) == []
        if not killed:
            return instant - 1
    raise AssertionError


def kill_again_and_again(root: Path, before: Act, act: Act, after: Act) -> None:
    """Kill ``act`` earlier and later on one and the same host, then let it live."""
    host = new_host(root)
    before(host)
    known = live_before(host), history(host)
    for instant in instants(step=3):
        killed = killed_at(instant, lambda: act(host))
        assert_sound(host, *known)
        if not killed:
            break
    act(host)
    after(host)
    assert making.leftovers(host.layout) == []


def live_before(host: Host) -> str | None:
    return splits.live(host.layout)


def history(host: Host) -> list[journal.Entry]:
    return journal.read_lines(host.layout.history)


def assert_sound(host: Host, live: str | None, known: list[journal.Entry]) -> None:
    """What must hold at each instant, whoever has died."""
    layout = host.layout
    assert_live_leads_somewhere(layout, live)
    for split in layout.splits.glob("[!.]*"):
        assert_whole_split(split)
    for release in layout.releases.glob("[!.]*"):
        assert_whole_release(release)
    for marker in layout.venvs.glob("*/.complete"):
        assert {"one.py", "two.py"} <= {file.name for file in marker.parent.glob("lib/*")}
    for secret in (*layout.releases.glob("*/*env*"), *layout.shared.glob("*env*")):
        assert secret.stat().st_mode & 0o077 == 0
    for wheel in layout.wheels.glob("*/*.whl"):
        assert wheel.read_bytes() == b"a wheel"
    assert history(host)[: len(known)] == known


def assert_live_leads_somewhere(layout: Layout, before: str | None) -> None:
    if before is not None and releases.verified(layout):
        assert layout.live.is_symlink()
    if layout.live.is_symlink():
        assert_whole_split(layout.live)


WHOLE_SPLIT = {"static", "static-other", *(f"{lane:02}.sock" for lane in range(LANES))}


def assert_whole_split(split: Path) -> None:
    assert {link.name for link in split.iterdir()} == WHOLE_SPLIT


def assert_whole_release(folder: Path) -> None:
    manifest = json.loads((folder / "release.json").read_text())
    assert manifest["release"] == folder.name
    assert (folder / "unit.conf").stat().st_size
    if (folder / "env").exists():
        assert (folder / "code/app.py").read_bytes() == b"app = 1\n"
        assert (folder / "config/sub/app.ini").read_text() == f"release = {folder.name}\n"
        assert (folder / "gunicorn.conf.py").stat().st_size
        assert (folder / "static/0").is_symlink()


def nothing(_host: Host) -> None:
    """Nothing was done before."""


def live_release(host: Host) -> None:
    """r1 is live in blue."""
    making.put_live(host.layout, "blue", "r1")
    host.systemd.set("blue", ActiveState="active", MainPID=11)


def started_release(host: Host) -> None:
    """r1 is live in blue and a deploy has started r2 in green."""
    live_release(host)
    making.make_release(host.layout, "r2")
    making.put_in_slot(host.layout, "green", "r2")
    splits.create_full(host.layout, "green")
    journal.begin(host.layout, "r2")
    host.systemd.set("green", ActiveState="active", MainPID=22)


def switched_release(host: Host) -> None:
    started_release(host)
    switch.switch(host.layout, "green")


def write_secret(host: Host) -> None:
    atomic.write_file(host.layout.shared / "env", b"SECRET=hush\n", 0o400)


def secret_is_written(host: Host) -> None:
    assert (host.layout.shared / "env").read_bytes() == b"SECRET=hush\n"


def make_green_live(host: Host) -> None:
    splits.make_live(host.layout, splits.create_full(host.layout, "green"))


def make_mixed_live(host: Host) -> None:
    splits.make_live(host.layout, splits.create(host.layout, {"blue": 19, "green": 1}))


def green_is_live(host: Host) -> None:
    assert splits.lanes(host.layout, splits.live(host.layout)) == {"blue": 0, "green": 20}


def blue_is_live(host: Host) -> None:
    assert splits.lanes(host.layout, splits.live(host.layout)) == {"blue": 20, "green": 0}


def mixed_is_live(host: Host) -> None:
    assert splits.lanes(host.layout, splits.live(host.layout)) == {"blue": 19, "green": 1}


def stage_r2(host: Host) -> None:
    stage.stage(host.layout, making.make_request(host.layout, "r2", venv_key="v2"), host.systemd)


def r2_is_staged(host: Host) -> None:
    assert_whole_release(host.layout.release("r2"))
    assert (host.layout.release("r2") / "env").exists()
    assert (host.layout.venv("v2") / ".complete").exists()
    assert making.kept_wheel(host.layout).exists()


def start_r2(host: Host) -> None:
    start.start(host.layout, host.slots, "r2", drain_seconds=0.1)


def staged_release(host: Host, unit: str = "") -> None:
    """r1 is live in blue, green runs the one before it, and r2 was staged."""
    live_release(host)
    making.make_release(host.layout, "r0", unit=unit)
    making.make_release(host.layout, "r2", unit=unit)
    making.put_in_slot(host.layout, "green", "r0")
    host.slots.point("green", "r0")
    host.slots.start("green")


def staged_release_like_the_one_before(host: Host) -> None:
    """So it is when nothing but code has changed: systemd has nothing to read again."""
    staged_release(host, making.own_unit("r2"))


def green_runs_r2(host: Host) -> None:
    assert releases.in_slot(host.layout, "green") == "r2"
    assert host.layout.held("green").read_text() == "r2\n"
    assert host.systemd.is_running("green")
    assert "TURNOUT_RELEASE=r2" in host.systemd.loaded("green")
    blue_is_live(host)


def commit_r2(host: Host) -> None:
    switch.commit(host.layout, "r2", previous_release="r1")


def r2_is_committed(host: Host) -> None:
    assert releases.verified(host.layout) == ["r1", "r2"]
    assert journal.running(host.layout) is None
    green_is_live(host)


def revert_r2(host: Host) -> None:
    switch.revert(host.layout, host.slots, "a test")


def switch_and_revert_r2(host: Host) -> None:
    """Whether or not the switch was reached, the revert finds out what to do."""
    if journal.running(host.layout):
        switch.switch(host.layout, "green")
    revert_r2(host)


def take_a_share(host: Host) -> None:
    """A canary's step, or the next one's where the first was taken."""
    switch.switch(host.layout, "green", 5)
    switch.switch(host.layout, "green", 25)


def green_has_a_quarter(host: Host) -> None:
    assert splits.lanes(host.layout, splits.live(host.layout)) == {"blue": 15, "green": 5}
    assert releases.live(host.layout) == "r1"


def go_through_shares_and_revert_r2(host: Host) -> None:
    """Whichever step was reached, the revert goes back behind the first one."""
    if journal.running(host.layout):
        if splits.live_slot(host.layout) == "blue":
            take_a_share(host)
        switch.switch(host.layout, "green")
    revert_r2(host)


def r2_is_reverted(host: Host) -> None:
    assert history(host)[-1]["outcome"] == "failed"
    assert not host.systemd.is_running("green")
    assert host.systemd.is_running("blue")
    blue_is_live(host)


def first_release(host: Host) -> None:
    """The first deploy ever has switched to blue."""
    making.make_release(host.layout, "r1")
    making.put_in_slot(host.layout, "blue", "r1")
    journal.begin(host.layout, "r1")
    host.systemd.set("blue", ActiveState="active", MainPID=11)
    switch.switch(host.layout, "blue")


def nothing_is_live(host: Host) -> None:
    assert splits.live(host.layout) is None
    assert not host.systemd.is_running("blue")


def many_releases(host: Host) -> None:
    """Five were live, the last is; each has a virtual environment of its own."""
    for number in range(1, 6):
        making.make_release(host.layout, f"r{number}", venv=f"v{number}")
        making.put_live(host.layout, "blue", f"r{number}")


def prune(host: Host) -> None:
    pruning.prune(host.layout, 2)


def two_are_left(host: Host) -> None:
    assert releases.names(host.layout) == ["r4", "r5"]
    assert sorted(path.name for path in host.layout.venvs.iterdir()) == ["v4", "v5"]
    assert sorted(path.name for path in host.layout.releases.iterdir()) == ["r4", "r5"]


OPERATIONS = {
    "a file is written": (nothing, write_secret, secret_is_written),
    "the first split goes live": (nothing, make_green_live, green_is_live),
    "the live link is replaced": (live_release, make_green_live, green_is_live),
    "a mixed split goes live": (live_release, make_mixed_live, mixed_is_live),
    "a release is staged": (live_release, stage_r2, r2_is_staged),
    "a slot is started": (staged_release, start_r2, green_runs_r2),
    "a slot is started with its old unit": (staged_release_like_the_one_before, start_r2,
                                            green_runs_r2),
    "the traffic is switched": (started_release, lambda h: switch.switch(h.layout, "green"),
                                green_is_live),
    "a deploy is committed": (switched_release, commit_r2, r2_is_committed),
    "a deploy is reverted": (switched_release, revert_r2, r2_is_reverted),
    "a first deploy is reverted": (first_release, revert_r2, nothing_is_live),
    "a switch is undone": (started_release, switch_and_revert_r2, r2_is_reverted),
    "a canary gets its share": (started_release, take_a_share, green_has_a_quarter),
    "a canary is undone": (started_release, go_through_shares_and_revert_r2, r2_is_reverted),
    "old releases are pruned": (many_releases, prune, two_are_left),
}  # fmt: skip


def main() -> None:
    """Kill each operation everywhere, in both ways; print what came of it as JSON."""
    play_what_is_not_the_file_system()
    memory = making.MEMORY if os.access(making.MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="killed-", dir=memory) as folder:
        print(json.dumps({name: outcome(Path(folder), name) for name in OPERATIONS}))


def outcome(root: Path, name: str) -> dict[str, object]:
    """Return the number of instants of an operation, or the traceback of what went wrong."""
    try:
        count = kill_everywhere(root, *OPERATIONS[name])
        kill_again_and_again(root, *OPERATIONS[name])
    except BaseException:
        return {"failure": traceback.format_exc()}
    return {"instants": count}


def play_what_is_not_the_file_system() -> None:
    """Health is at once, nobody waits, and nobody has to be root to give a file away."""
    health.probe_slot = lambda *_: health.Answer(200)
    drain.LAST_OLD_ANSWER_SECONDS = drain.QUIET_SECONDS = 0
    os.sync = lambda: None
    os.chown = lambda *arguments: sys.audit("os.chown", *arguments, -1)


if __name__ == "__main__":
    main()
