"""What of a unit depends on the release, and what of it a command shares."""

from __future__ import annotations

import pytest

from turnout_host import unitfile
from turnout_host.layout import Layout

MANIFEST = {
    "venv": "key",
    "chdir": "",
    "writable": ["/srv/hello/shared"],
    "health": {"start_timeout_seconds": 90},
    "gunicorn": {"graceful_timeout_seconds": 30, "arguments": []},
}
BASE = """\
[Unit]
Description=PrivateTmp=not this
[Service]
Type=notify
# ProtectHome=no
ExecStart=/bin/false
Restart=always
RuntimeDirectory=hello-%i
Environment=TURNOUT_SLOT=%i
User=hello
PrivateTmp=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
[Install]
WantedBy=multi-user.target
"""


def test_paths_lead_through_the_slot_that_systemd_fills_in() -> None:
    unit = unitfile.drop_in(Layout("hello"), MANIFEST)

    assert "WorkingDirectory=/srv/hello/slots/%i/code\n" in unit
    assert "EnvironmentFile=/srv/hello/slots/%i/env\n" in unit
    assert "/releases/" not in unit


def test_systemd_waits_longer_than_gunicorns_own_graceful_stop() -> None:
    manifest = {**MANIFEST, "gunicorn": {"graceful_timeout_seconds": 300}}

    assert "TimeoutStopSec=310\n" in unitfile.drop_in(Layout("hello"), manifest)


def test_working_directory_may_lie_deeper_in_the_code() -> None:
    manifest = {**MANIFEST, "chdir": "backend"}

    unit = unitfile.drop_in(Layout("hello"), manifest)

    assert "WorkingDirectory=/srv/hello/slots/%i/code/backend\n" in unit


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("--max-requests=10", '"--max-requests=10"'),
        ("--access-logformat=%(h)s $x", '"--access-logformat=%%(h)s $$x"'),
        ('say "hi" \\', '"say \\"hi\\" \\\\"'),
    ],
)
def test_raw_arguments_survive_systemds_own_syntax(argument: str, written: str) -> None:
    manifest = {
        **MANIFEST,
        "gunicorn": {"graceful_timeout_seconds": 30, "arguments": [argument]},
    }

    assert f"gunicorn.conf.py {written}\n" in unitfile.drop_in(Layout("hello"), manifest)


def test_command_shares_user_and_sandbox_but_not_how_the_service_lives() -> None:
    assert unitfile.sandbox(BASE) == [
        "User=hello",
        "PrivateTmp=yes",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
    ]
