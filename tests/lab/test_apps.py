"""Published apps, deployed by settings alone: what stands in tests/apps/ is all they need."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from turnout import secrets
from turnout.lab_state import Lab

pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = REPOSITORY / "tests/apps"


def play(lab: Lab, playbook: str, app: str, *extra: str) -> None:
    """Run a playbook with the settings of an app, as its team would by hand."""
    done = subprocess.run(
        [
            "ansible-playbook", "-i", "inventories/local", f"playbooks/{playbook}.yml",
            "-e", f"@{APPS / app}.yml", *extra,
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TURNOUT_LAB": lab.name,
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def get(lab: Lab, host: str, path: str) -> tuple[int, str]:
    """Return status and body of a page, through the port a user would take."""
    connection = http.client.HTTPConnection("127.0.0.1", lab.vms[0].http_port, timeout=30)
    with closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize(
    ("app", "hostname", "path", "text"),
    [
        ("httpbin", "httpbin.localhost", "/get?train=1", '"train":"1"'),
        ("isso", "comments.localhost", "/info", '"host": "http://comments.localhost"'),
        pytest.param("mlflow", "mlflow.localhost", "/version", "3.", marks=pytest.mark.slow),
    ],
)
def test_published_app_needs_settings_only(
    lab: Lab, app: str, hostname: str, path: str, text: str
) -> None:
    secrets.init("local")

    play(lab, "provision", app)
    play(lab, "deploy", app)

    status, body = get(lab, hostname, path)
    assert status == 200
    assert text in body


def test_what_isso_stores_outlives_a_release(lab: Lab) -> None:
    comment = '{"text": "All aboard", "author": "A guest", "title": "A page"}'
    connection = http.client.HTTPConnection("127.0.0.1", lab.vms[0].http_port, timeout=30)
    headers = {
        "Host": "comments.localhost",
        "Content-Type": "application/json",
        "Origin": "http://comments.localhost",
    }
    with closing(connection):
        connection.request("POST", "/new?uri=%2Fpage%2F", comment, headers)
        assert connection.getresponse().status == 201

    # Another worker number is another configuration, and so another release.
    play(lab, "deploy", "isso", "-e", "app_workers=1")

    assert "All aboard" in get(lab, "comments.localhost", "/?uri=%2Fpage%2F")[1]
