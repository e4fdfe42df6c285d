"""An earlier release with today's environment: code from then, credentials from now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from tests.unit.host.test_switch import deploy
from turnout_host import audit, current_env, phases, releases, rollback, rollback_alone, stage
from turnout_host.layout import Layout
from turnout_host.rollback_steps import Steps
from turnout_host.units import Slots

# An artifact's name, and what the configuration adds to it.
OLD, NEW, MIXED = "a1-c1", "a2-c2", "a1-c2"


@pytest.fixture
def both(
    layout: Layout, systemd: FakeSystemd, slots: Slots, owners: Any, monkeypatch: pytest.MonkeyPatch
) -> Layout:
    """a1 was deployed with configuration c1, then a2 with c2."""
    monkeypatch.setattr(phases, "Slots", lambda _layout: slots)
    for release, name, secret in ((OLD, "a1", "revoked"), (NEW, "a2", "valid")):
        request = making.make_request(
            layout, release, name=name, environment={"KEY": secret, "AT": "/r/@RELEASE@"}
        )
        stage.stage(layout, request, systemd)
        deploy(layout, systemd, release)
    return layout


def roll_back(layout: Layout, nginx: Site) -> dict[str, Any]:
    layout.settings.write_text(json.dumps({"port": nginx.port, "drain_seconds": 0.1}))
    return rollback_alone.roll_back(Steps(layout, with_current_env=True))


@pytest.mark.usefixtures("blue_site", "green_site")
def test_a_release_whose_unit_names_it_is_named_anew_there(both: Layout, nginx: Site) -> None:
    unit = both.release(OLD) / "unit.conf"
    unit.write_text(f"[Service]\nEnvironment=TURNOUT_RELEASE={OLD}\n")

    roll_back(both, nginx)

    named = (both.release(MIXED) / "unit.conf").read_text()
    assert named == f"[Service]\nEnvironment=TURNOUT_RELEASE={MIXED}\n"
    assert OLD in unit.read_text()


def test_its_name_is_that_of_a_deploy_of_the_old_artifact_today(both: Layout) -> None:
    assert current_env.name(both, OLD) == MIXED


@pytest.mark.usefixtures("blue_site", "green_site")
def test_the_rollback_runs_the_old_code_with_the_live_environment(
    both: Layout, nginx: Site
) -> None:
    assert roll_back(both, nginx)["release"] == MIXED

    folder = both.release(MIXED)
    assert (folder / "env").read_text() == 'AT="/r/a1-c2"\nKEY="valid"\n'
    assert (folder / "config/sub/app.ini").read_text() == f"release = {MIXED}\n"
    assert (folder / "env").stat().st_mode & 0o777 == 0o400
    assert (folder / "code/app.py").samefile(both.release(OLD) / "code/app.py")
    assert (folder / "unit.conf").read_bytes() == (both.release(OLD) / "unit.conf").read_bytes()
    assert releases.get(both, MIXED).manifest["artifact"] == "a1"


@pytest.mark.usefixtures("blue_site", "green_site")
def test_the_earlier_release_itself_is_as_it_was(both: Layout, nginx: Site) -> None:
    before = {path: path.read_bytes() for path in both.release(OLD).rglob("*") if path.is_file()}

    roll_back(both, nginx)

    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.usefixtures("blue_site", "green_site")
def test_it_counts_as_verified_and_what_it_went_back_from_does_not_come_next(
    both: Layout, nginx: Site
) -> None:
    roll_back(both, nginx)

    assert releases.live(both) == MIXED
    assert releases.verified(both) == [OLD, NEW, MIXED]
    assert rollback.target(both, NEW) == NEW
    assert releases.before(both, MIXED) is None


def test_nothing_is_made_twice(both: Layout) -> None:
    assert current_env.make(both, MIXED, OLD)
    assert not current_env.make(both, MIXED, OLD)
    assert making.leftovers(both) == []


@pytest.mark.usefixtures("blue_site", "green_site")
def test_an_audit_takes_it_for_shipped(both: Layout, nginx: Site) -> None:
    name = roll_back(both, nginx)["release"]

    found = [one["path"] for one in audit.audit(both)["differences"]]

    assert both.release(name).is_dir()
    assert [path for path in found if "/releases/" in path or "/slots/" in path] == []
