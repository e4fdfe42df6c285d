"""The app's own commands: as its service would run them, and none twice that must not be."""

from __future__ import annotations

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import units
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.migrate import migrate


@pytest.fixture(autouse=True)
def release(layout: Layout, systemd: FakeSystemd) -> None:
    making.make_release(layout, "r1")
    layout.base_unit.parent.mkdir(parents=True, exist_ok=True)
    layout.base_unit.write_text("[Service]\nUser=hello\nPrivateTmp=yes\nRestart=always\n")


def test_command_has_the_services_user_sandbox_and_environment(
    layout: Layout, systemd: FakeSystemd
) -> None:
    migrate(layout, "r1", init="", migrate="flask db upgrade", timeout_seconds=60, run=systemd)

    (call,) = systemd.called("systemd-run")
    assert call.endswith("/bin/sh -c flask db upgrade")
    for line in ("User=hello", "PrivateTmp=yes", f"EnvironmentFile={layout.release('r1')}/env"):
        assert f"--property={line}" in call
    assert "Restart=" not in call


def test_command_finds_the_programs_of_its_virtual_environment_first(
    layout: Layout, systemd: FakeSystemd
) -> None:
    migrate(layout, "r1", init="", migrate="flask db upgrade", timeout_seconds=60, run=systemd)

    assert f"Environment=PATH={layout.venvs}/" in systemd.called("systemd-run")[0]


def test_init_runs_once_in_the_apps_lifetime(layout: Layout, systemd: FakeSystemd) -> None:
    for _ in range(2):
        migrate(layout, "r1", init="app init", migrate="app up", timeout_seconds=60, run=systemd)

    assert len(systemd.called("app init")) == 1
    assert len(systemd.called("app up")) == 2


def test_init_that_failed_runs_again(layout: Layout, systemd: FakeSystemd) -> None:
    systemd.answers["app init"] = (1, "no such table")
    with pytest.raises(HostFailure, match="app_init_command failed with exit code 1") as caught:
        migrate(layout, "r1", init="app init", migrate="", timeout_seconds=60, run=systemd)
    assert "no such table" in caught.value.evidence

    del systemd.answers["app init"]
    migrate(layout, "r1", init="app init", migrate="", timeout_seconds=60, run=systemd)

    assert len(systemd.called("app init")) == 2


def test_program_that_hangs_is_named_with_the_time_it_had() -> None:
    with pytest.raises(HostFailure, match=r"sleep did not end within 0 s"):
        units.run(["sleep", "5"], timeout=0.1)


def test_no_command_loses_its_files_when_another_one_ends(
    layout: Layout, systemd: FakeSystemd
) -> None:
    migrate(layout, "r1", init="app init", migrate="app up", timeout_seconds=60, run=systemd)

    folders = [
        word
        for call in systemd.called("systemd-run")
        for word in call.split()
        if "property=RuntimeDirectory=" in word
    ]

    assert len(set(folders)) == 2
