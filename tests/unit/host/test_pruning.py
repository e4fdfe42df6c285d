"""Which releases stay on a host: by count, by bytes, and whatever is protected."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.host import making
from turnout_host import journal, pruning, releases
from turnout_host.layout import Layout

MIB = 2**20


def on_disk(layout: Layout) -> tuple[list[str], list[str]]:
    """Return the releases and the virtual environments."""
    folders = layout.releases, layout.venvs
    found = [sorted(path.name for path in folder.iterdir()) for folder in folders]
    return found[0], found[1]


def deployed(layout: Layout, *names: str) -> None:
    """Each was live once, the last one is; each has a virtual environment of its own."""
    for number, name in enumerate(names):
        making.make_release(layout, name, venv=f"v-{name}")
        making.put_live(layout, ("blue", "green")[number % 2], name)


def test_the_newest_verified_releases_stay_and_what_only_older_ones_used_goes(
    layout: Layout,
) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")

    assert pruning.prune(layout, keep=3) == ["r1"]
    assert on_disk(layout) == (["r2", "r3", "r4"], ["v-r2", "v-r3", "v-r4"])


def test_newest_means_deployed_last_whatever_the_names_and_times_say(layout: Layout) -> None:
    deployed(layout, "c", "b", "a", "c2")
    journal.conclude(layout, "deploy", "live", release="c")
    for slot in ("blue", "green"):
        making.put_in_slot(layout, slot, "c")

    pruning.prune(layout, keep=2)

    assert on_disk(layout)[0] == ["c", "c2"]


def test_what_a_slot_holds_stays_however_old(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    making.put_in_slot(layout, "blue", "r1")

    pruning.prune(layout, keep=1)

    # r3 is what a rollback goes to.
    assert on_disk(layout)[0] == ["r1", "r3", "r4"]


def test_failed_releases_never_count_as_kept_and_the_last_one_stays_as_evidence(
    layout: Layout,
) -> None:
    deployed(layout, "r1", "r2")
    for name in ("f1", "f2", "f1"):
        if not layout.release(name).exists():
            making.make_release(layout, name)
        releases.mark_failed(layout, name, "a test")
        journal.conclude(layout, "deploy", "failed", release=name)

    assert pruning.prune(layout, keep=2) == ["f2"]
    assert on_disk(layout)[0] == ["f1", "r1", "r2"]


def test_a_release_that_never_was_live_goes(layout: Layout) -> None:
    deployed(layout, "r1")
    making.make_release(layout, "staged-only")

    assert pruning.prune(layout, keep=5) == ["staged-only"]


def test_keeping_none_still_keeps_the_live_one_and_what_a_rollback_goes_to(
    layout: Layout,
) -> None:
    deployed(layout, "r1", "r2", "r3")
    making.put_in_slot(layout, "green", "r3")

    pruning.prune(layout, keep=0)

    assert on_disk(layout) == (["r2", "r3"], ["v-r2", "v-r3"])


def test_the_release_of_the_latest_deploy_stays_for_its_next_try(layout: Layout) -> None:
    deployed(layout, "r1")
    making.make_release(layout, "r2")
    journal.begin(layout, "r2")
    journal.conclude(layout, "deploy", "failed", release="r2")

    assert pruning.prune(layout, keep=5) == []


def test_a_shared_virtual_environment_stays_while_one_release_uses_it(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3")
    manifest = json.loads((layout.release("r3") / "release.json").read_text())
    (layout.release("r3") / "release.json").write_text(json.dumps({**manifest, "venv": "v-r1"}))

    pruning.prune(layout, keep=2)

    assert on_disk(layout) == (["r2", "r3"], ["v-r1", "v-r2"])


def test_half_a_virtual_environment_and_leftovers_go(layout: Layout) -> None:
    deployed(layout, "r1")
    (layout.venvs / "half/bin").mkdir(parents=True)
    (layout.venvs / ".v0.gone/bin").mkdir(parents=True)
    (layout.releases / ".r0.gone/code").mkdir(parents=True)

    pruning.prune(layout, keep=2)

    assert on_disk(layout) == (["r1"], ["v-r1"])


def fill(layout: Layout, name: str, mebibytes: int) -> None:
    """Make a release take so much disk."""
    (layout.release(name) / "code/data").write_bytes(os.urandom(mebibytes * MIB))


def test_older_releases_go_until_the_rest_is_small_enough(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4", "r5")
    for name in ("r1", "r2", "r3", "r4", "r5"):
        fill(layout, name, 2)

    assert pruning.prune(layout, keep=5, limit_bytes=9 * MIB) == ["r1"]
    assert pruning.prune(layout, keep=5, limit_bytes=7 * MIB) == ["r2"]
    assert on_disk(layout) == (["r3", "r4", "r5"], ["v-r3", "v-r4", "v-r5"])


def test_no_limit_is_no_limit(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    fill(layout, "r1", 2)

    assert pruning.prune(layout, keep=4) == []


def test_virtual_environments_count(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    (layout.venv("v-r2") / "lib/large.so").write_bytes(os.urandom(4 * MIB))

    pruning.prune(layout, keep=4, limit_bytes=2 * MIB)

    assert on_disk(layout) == (["r3", "r4"], ["v-r3", "v-r4"])


def test_what_releases_share_counts_once(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    fill(layout, "r1", 4)
    for name in ("r2", "r3", "r4"):
        os.link(layout.release("r1") / "code/data", layout.release(name) / "code/data")

    assert pruning.prune(layout, keep=4, limit_bytes=6 * MIB) == []


def evidence(layout: Layout) -> None:
    making.make_release(layout, "r0")
    releases.mark_failed(layout, "r0", "a test")
    journal.conclude(layout, "deploy", "failed", release="r0")


def warm(layout: Layout) -> None:
    making.put_in_slot(layout, "blue", "r1")


@pytest.mark.parametrize(
    ("prepare", "protected"),
    [
        (lambda _layout: None, ["r3", "r4"]),
        (warm, ["r1", "r3", "r4"]),
        (evidence, ["r0", "r3", "r4"]),
    ],
    ids=["live and what a rollback goes to", "warm", "the last that failed"],
)
def test_no_limit_takes_what_is_protected(
    layout: Layout, prepare: Callable[[Layout], None], protected: list[str]
) -> None:
    deployed(layout, "r1", "r2", "r3", "r4")
    making.put_in_slot(layout, "blue", "r4")
    making.put_in_slot(layout, "green", "r4")
    prepare(layout)
    for name in protected:
        fill(layout, name, 1)

    pruning.prune(layout, keep=4, limit_bytes=1)

    assert on_disk(layout)[0] == protected


def test_the_newest_verified_release_stays_after_a_rollback(layout: Layout) -> None:
    deployed(layout, "r1", "r2", "r3")
    journal.begin(layout, "r2", "rollback")
    journal.conclude(layout, "rollback", "live", release="r2")
    for slot in ("blue", "green"):
        making.put_in_slot(layout, slot, "r2")

    pruning.prune(layout, keep=3, limit_bytes=1)

    assert on_disk(layout)[0] == ["r1", "r2", "r3"]


def old_wheel(layout: Layout, name: str) -> None:
    (layout.wheels / name).mkdir(parents=True)
    (layout.wheels / name / "one.whl").write_bytes(b"")
    made_old(layout.wheels / name)


def made_old(path: Path) -> None:
    long_ago = time.time() - pruning.UNUSED_WHEEL_SECONDS - 60
    os.utime(path, (long_ago, long_ago))


def uses_wheel(layout: Layout, release: str, wheel: str) -> None:
    making.make_release(layout, release)
    folder = layout.release(release) / "artifact"
    folder.mkdir()
    said = {"targets": [{"wheels": [{"sha256": wheel, "file": f"{wheel}.whl"}]}]}
    (folder / "manifest.json").write_text(json.dumps(said))


def test_wheels_go_that_no_release_of_any_app_names(layout: Layout) -> None:
    other = Layout("other", layout.root)
    uses_wheel(other, "r1", "theirs")
    uses_wheel(layout, "r1", "ours")
    making.put_live(layout, "blue", "r1")
    for wheel in ("theirs", "ours", "nobodys"):
        old_wheel(layout, wheel)

    pruning.prune(layout, keep=1)

    assert sorted(path.name for path in layout.wheels.iterdir()) == ["ours", "theirs"]


def test_a_wheel_that_has_just_come_is_left_for_the_deploy_that_brought_it(layout: Layout) -> None:
    deployed(layout, "r1")
    (layout.wheels / "new").mkdir()

    pruning.prune(layout, keep=1)

    assert (layout.wheels / "new").exists()


def test_wheels_that_an_older_program_kept_by_file_name_go_when_nothing_names_them(
    layout: Layout,
) -> None:
    uses_wheel(layout, "r1", "ours")
    making.put_live(layout, "blue", "r1")
    layout.wheels.mkdir(parents=True, exist_ok=True)
    for name in ("ours.whl", "nobodys.whl"):
        (layout.wheels / name).write_bytes(b"")
        made_old(layout.wheels / name)

    pruning.prune(layout, keep=1)

    assert [path.name for path in layout.wheels.iterdir()] == ["ours.whl"]


def test_no_wheel_goes_while_a_manifest_cannot_be_read(layout: Layout) -> None:
    uses_wheel(layout, "r1", "ours")
    making.put_live(layout, "blue", "r1")
    old_wheel(layout, "nobodys")
    (layout.release("r1") / "artifact/manifest.json").write_text("{ edited by hand")

    assert pruning.prune(layout, keep=1) == []
    assert (layout.wheels / "nobodys").exists()
