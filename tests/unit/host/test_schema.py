"""A rollback knows which schema the database has, and which ones a release knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import alembic_scripts, journal, rollback, schema, splits, switch
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.units import Slots

ALEMBIC = {"alembic": True, "command": ""}
COMMAND = {"alembic": False, "command": "app schema"}


def revision(layout: Layout, release: str, name: str, after: str = "None") -> None:
    """Give a release a migration script, as Alembic writes it."""
    folder = layout.release(release) / "code/hello/migrations"
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "env.py").touch()
    text = f"revision: str = '{name}'\ndown_revision = {after}\n"
    (folder / "versions" / f"{name}.py").write_text(text)


def make_release(layout: Layout, name: str, *revisions: str, **settings: Any) -> None:
    making.make_release(layout, name, schema=settings.pop("schema", ALEMBIC), **settings)
    for number, one in enumerate(revisions):
        revision(layout, name, one, repr(revisions[number - 1]) if number else "None")


def deploy(layout: Layout, name: str, systemd: FakeSystemd) -> None:
    """Migrate, switch and commit."""
    slot = splits.idle_slot(layout)
    making.put_in_slot(layout, slot, name)
    journal.begin(layout, name)
    schema.note(layout, name, systemd)
    switch.switch(layout, slot)
    switch.commit(layout, name)


@pytest.fixture
def base_unit(layout: Layout) -> Layout:
    layout.base_unit.write_text("[Service]\nUser=hello\n")
    return layout


def test_a_release_that_knows_the_schema_may_be_gone_back_to(
    layout: Layout, systemd: FakeSystemd
) -> None:
    for name in ("r1", "r2"):
        make_release(layout, name, "aa", "bb")
        deploy(layout, name, systemd)

    assert schema.live(layout) == {"alembic": ["bb"]}
    assert schema.objection(layout, "r1") is None


def test_a_release_from_before_a_migration_is_refused_with_what_to_do(
    layout: Layout, systemd: FakeSystemd
) -> None:
    make_release(layout, "r1", "aa")
    deploy(layout, "r1", systemd)
    make_release(layout, "r2", "aa", "bb")
    deploy(layout, "r2", systemd)

    with pytest.raises(HostFailure) as refused:
        rollback.check_schema(layout, "r1")

    assert refused.value.cause == "the database is at schema bb, which release r1 does not know"
    assert "then roll back with --force" in refused.value.next_step


def test_a_deploy_that_failed_after_its_migration_has_moved_the_schema_all_the_same(
    layout: Layout, systemd: FakeSystemd, slots: Slots
) -> None:
    make_release(layout, "r1", "aa")
    deploy(layout, "r1", systemd)
    make_release(layout, "r2", "aa", "bb")
    journal.begin(layout, "r2")
    schema.note(layout, "r2", systemd)
    switch.revert(layout, slots, "it does not start")

    assert schema.live(layout) == {"alembic": ["bb"]}
    assert schema.objection(layout, "r1")


def test_a_rollback_leaves_the_schema_where_it_is(layout: Layout, systemd: FakeSystemd) -> None:
    make_release(layout, "r1", "aa", "bb")
    deploy(layout, "r1", systemd)
    make_release(layout, "r2", "aa", "bb", "cc")
    deploy(layout, "r2", systemd)
    making.put_in_slot(layout, "blue", "r1")
    journal.begin(layout, "r1", journal.ROLLBACK)
    switch.switch(layout, "blue")
    switch.commit(layout, "r1")

    assert schema.live(layout) == {"alembic": ["cc"]}


def test_other_tools_tell_their_schema_by_a_command(
    base_unit: Layout, systemd: FakeSystemd
) -> None:
    for name, printed in (("r1", "7\n"), ("r2", "7\n"), ("r3", "8\n")):
        systemd.answers["app schema"] = (0, printed)
        make_release(base_unit, name, schema=COMMAND)
        deploy(base_unit, name, systemd)

    assert schema.live(base_unit) == {"command": ["8"]}
    assert schema.objection(base_unit, "r3") is None
    assert "at schema 8" in str(schema.objection(base_unit, "r2"))


def test_where_nothing_tells_the_schema_nothing_is_refused(
    layout: Layout, systemd: FakeSystemd
) -> None:
    for name in ("r1", "r2"):
        make_release(layout, name, schema={"alembic": False, "command": ""})
        deploy(layout, name, systemd)

    assert schema.live(layout) is None
    assert schema.objection(layout, "r1") is None


def test_branches_have_several_heads_and_a_merge_ends_them(tmp_path: Path) -> None:
    known: dict[str, set[str]] = {"aa": set(), "bb": {"aa"}, "cc": {"aa"}}

    assert alembic_scripts.heads(known) == ["bb", "cc"]
    assert alembic_scripts.heads({**known, "dd": {"bb", "cc"}}) == ["dd"]


@pytest.mark.parametrize("text", ["revision = ", "", "revision = name()", "\0"])
def test_what_is_no_migration_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").touch()
    (tmp_path / "versions/odd.py").write_text(text)

    assert alembic_scripts.revisions(tmp_path) == {}
