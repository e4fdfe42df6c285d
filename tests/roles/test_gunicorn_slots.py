"""What the units promise, checked on the rendered files; each line was seen to fail without it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Render

APP = {"gunicorn_slots_app": "storefront"}


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def service(render: Render) -> list[str]:
    return lines(render("gunicorn_slots", "slot.service.j2", **APP))


@pytest.fixture
def socket(render: Render) -> list[str]:
    return lines(render("gunicorn_slots", "slot.socket.j2", **APP))


@pytest.fixture
def boot(render: Render) -> list[str]:
    return lines(render("gunicorn_slots", "boot.service.j2", **APP))


def test_stopping_a_slot_removes_no_folder_of_the_other(service: list[str]) -> None:
    assert "RuntimeDirectory=storefront-%i" in service


def test_each_slot_has_a_control_socket_of_its_own(service: list[str]) -> None:
    assert "Environment=XDG_RUNTIME_DIR=/run/storefront-%i" in service


def test_sockets_live_in_a_folder_no_service_owns(service: list[str], socket: list[str]) -> None:
    assert "ListenStream=/run/storefront.sockets/%i.sock" in socket
    assert "DirectoryMode=0755" in socket
    assert not any("storefront.sockets" in line for line in service)


def test_failing_starts_never_hit_a_limit(service: list[str]) -> None:
    assert service.index("StartLimitIntervalSec=0") < service.index("[Service]")


def test_a_crashed_slot_starts_again_after_a_second(service: list[str]) -> None:
    assert "Restart=always" in service
    assert "RestartSec=1" in service


def test_failing_starts_never_take_the_socket_down(socket: list[str]) -> None:
    assert "TriggerLimitIntervalSec=0" in socket


def test_gunicorn_never_starts_without_the_socket_of_systemd(service: list[str]) -> None:
    assert "Requires=storefront@%i.socket" in service
    assert "After=storefront@%i.socket" in service


def test_nginx_may_connect_and_others_may_not(socket: list[str]) -> None:
    assert "SocketUser=storefront" in socket
    assert "SocketGroup=www-data" in socket
    assert "SocketMode=0660" in socket


def test_sockets_come_back_after_a_boot_and_slots_do_not(
    service: list[str], socket: list[str]
) -> None:
    assert "WantedBy=sockets.target" in socket
    assert "[Install]" not in service


def test_the_live_slot_is_started_before_nginx_asks_for_it(boot: list[str]) -> None:
    command = "/usr/bin/python3 -IS /usr/local/lib/turnout/host.pyz boot --app storefront"
    assert f"ExecStart={command}" in boot
    assert "Before=nginx.service" in boot
    assert "WantedBy=multi-user.target" in boot


def test_a_boot_before_the_first_deploy_is_no_failure(boot: list[str]) -> None:
    assert "ConditionPathIsSymbolicLink=/srv/storefront/live" in boot


def test_a_slot_that_hangs_does_not_keep_nginx_down(boot: list[str]) -> None:
    assert any(line.startswith("TimeoutStartSec=") for line in boot)


def test_slot_waits_for_the_disk_of_the_app(service: list[str]) -> None:
    assert "RequiresMountsFor=/srv/storefront" in service


def test_slot_waits_for_the_units_the_app_needs(render: Render) -> None:
    units = ["postgresql.service", "redis-server.service"]
    text = render("gunicorn_slots", "slot.service.j2", gunicorn_slots_after_units=units, **APP)

    assert all(f"After={unit}" in text.splitlines() for unit in units)


def test_a_slot_without_a_release_says_so(service: list[str]) -> None:
    assert any("No release of storefront was ever deployed" in line for line in service)


def test_sandbox_starts_for_an_account_that_is_not_root(service: list[str]) -> None:
    """PrivateUsers= together with ProtectProc= ends in 217/USER."""
    assert "ProtectProc=invisible" in service
    assert not any(line.startswith("PrivateUsers=") for line in service)


@pytest.mark.parametrize(
    "directive",
    [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "LockPersonality=yes",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
    ],
)
def test_app_is_shut_in(service: list[str], directive: str) -> None:
    assert directive in service


def test_a_forbidden_system_call_is_an_error_and_not_the_end(service: list[str]) -> None:
    """Libraries try `chown` or `setpriority` and go on without."""
    assert "SystemCallErrorNumber=EPERM" in service


def test_a_database_over_tcp_stays_within_reach(service: list[str]) -> None:
    assert any("AF_INET AF_INET6" in line for line in service)
    assert "PrivateNetwork=yes" not in service


def test_host_program_can_read_the_sandbox_line_by_line(service: list[str]) -> None:
    assert not any(line.endswith("\\") for line in service)


def test_app_runs_as_its_own_account(service: list[str]) -> None:
    assert "User=storefront" in service
    assert "Group=storefront" in service
    assert "UMask=0027" in service


def test_app_knows_its_name_and_slot(service: list[str]) -> None:
    assert "Environment=TURNOUT_APP=storefront" in service
    assert "Environment=TURNOUT_HOME=/srv/storefront" in service
    assert "Environment=TURNOUT_SLOT=%i" in service


def test_stopping_tells_gunicorn_alone_and_lets_its_workers_finish(service: list[str]) -> None:
    assert "Type=notify" in service
    assert "NotifyAccess=main" in service
    assert "KillMode=mixed" in service


def test_one_worker_out_of_memory_does_not_stop_the_others(service: list[str]) -> None:
    assert "OOMPolicy=continue" in service


def test_boot_waits_for_the_disk_and_stays_done(boot: list[str]) -> None:
    assert "Type=oneshot" in boot
    assert "RemainAfterExit=yes" in boot
    assert "RequiresMountsFor=/srv/storefront" in boot


def test_what_depends_on_the_release_is_not_in_the_unit(service: list[str]) -> None:
    owned = ("WorkingDirectory=", "EnvironmentFile=", "TimeoutStopSec=", "ReadWritePaths=")
    assert not any(line.startswith(owned) for line in service)


def test_provision_touches_no_running_unit() -> None:
    role = Path(__file__).parents[2] / "roles" / "gunicorn_slots"
    text = (role / "tasks/main.yml").read_text() + (role / "handlers/main.yml").read_text()

    assert "daemon_reload: true" in text
    assert "state: started" not in text
    assert "state: restarted" not in text
    assert "state: stopped" not in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not on this machine")
def test_systemd_accepts_the_units(render: Render, tmp_path: Path) -> None:
    for template, name in [
        ("slot.service.j2", "storefront@.service"),
        ("slot.socket.j2", "storefront@.socket"),
        ("boot.service.j2", "storefront.service"),
    ]:
        # An account of any machine, since systemd looks it up.
        text = render("gunicorn_slots", template, gunicorn_slots_user="daemon", **APP)
        (tmp_path / name).write_text(text)

    units = [tmp_path / name for name in ("storefront@blue.service", "storefront.service")]
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "storefront" not in result.stderr
