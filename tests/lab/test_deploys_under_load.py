"""What the project is for: nobody loses a request while a release changes.

TURNOUT_DEPLOYS says how many deploys in a row; the long run has 20 (`TURNOUT_DEPLOYS=20 pytest -s
tests/lab/test_deploys_under_load.py`).
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import Host
from tests.lab.load import Load
from tests.lab.load_report import last_old_answer, report
from turnout import lab as labs
from turnout import secrets
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

DEPLOYS = int(os.environ.get("TURNOUT_DEPLOYS", "3"))
# nginx keeps a connection for one second; the rest is the request itself on a busy machine.
OLD_ANSWERS_SECONDS = 2.0


class Site:
    """The sample app on a VM, and a copy of its code that tests change at will."""

    def __init__(self, host: Host, source: Path) -> None:
        self.host = host
        self.source = source
        self.url = f"http://127.0.0.1:{host.vm.http_port}"

    def deploy(self, version: str) -> str:
        """Deploy the app with another version in its code, as a sysadmin would; return the release.

        Raises:
            AssertionError: with the output of a deploy that failed.
        """
        (self.source / "hello/version.py").write_text(f'VERSION = "{version}"\n')
        self.play("deploy", app_source=str(self.source), release_test=False)
        return str(self.status()["release"])

    def play(self, playbook: str, **variables: object) -> None:
        """Run a playbook of the project with these extra variables."""
        command = ["ansible-playbook", "-i", "inventories/local", f"playbooks/{playbook}.yml"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*command, "-e", json.dumps(variables)],
            cwd=REPOSITORY,
            env=os.environ | {"PATH": path, "TURNOUT_LAB": self.host.lab.name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def status(self) -> dict[str, Any]:
        """Return what the host program says is live."""
        return self.program("status")

    def program(self, verb: str) -> dict[str, Any]:
        """Run the host program on the VM, as `invoke status` and `invoke rollback` do."""
        done = self.host.run(f"python3 /usr/local/lib/turnout/host.pyz {verb} --app hello")
        assert done.returncode == 0, done.stdout
        return dict(json.loads(done.stdout))

    def switched(self) -> float:
        """Return when traffic was last switched, in Unix time: the rename is the link's ctime."""
        return float(self.host.run("stat --format=%.6Z /srv/hello/live").stdout)


@pytest.fixture(scope="module")
def site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The sample app, provisioned and deployed once."""
    secrets.init("local")
    source = tmp_path_factory.mktemp("app") / "app"
    shutil.copytree(REPOSITORY / "app", source, ignore=shutil.ignore_patterns("__pycache__"))
    made = Site(host, source)
    made.play("provision")
    made.deploy("0")
    return made


@contextmanager
def load(site: Site) -> Iterator[Load]:
    """Have clients of every kind ask while the block runs, and a little before and after it."""
    with Load(site.url, seconds=1500) as running:
        time.sleep(1)
        yield running
        time.sleep(OLD_ANSWERS_SECONDS + 0.5)
    figures = report(running.requests)
    print({key: value for key, value in figures.items() if key != "runs"})
    assert figures["failed"] == 0, figures["failures"]


def test_deploys_in_a_row_lose_no_request(site: Site) -> None:
    late, seconds = [], []
    with load(site) as clients:
        for number in range(1, DEPLOYS + 1):
            started = time.monotonic()
            release = site.deploy(str(number))
            seconds.append(round(time.monotonic() - started, 1))
            time.sleep(OLD_ANSWERS_SECONDS)
            late.append(round(last_old_answer(clients.requests, site.switched(), release), 2))
            assert clients.requests[-1].error == ""

    print(f"deploys: {seconds} s; last old answers after the switch: {late} s")
    kinds = {(request.client.partition("-")[0], request.method) for request in clients.requests}
    everybody = {(client, method) for client in ("keep", "close") for method in ("GET", "POST")}
    assert kinds == everybody | {("quiet", "GET")}
    assert max(late) <= OLD_ANSWERS_SECONDS


def test_a_rollback_under_load_loses_no_request_and_moves_within_two_seconds(site: Site) -> None:
    before = site.status()
    with load(site) as clients:
        result = site.program("rollback")
        time.sleep(OLD_ANSWERS_SECONDS)
        late = last_old_answer(clients.requests, site.switched(), result["release"])

    assert result["release"] == before["previous"]
    assert site.status()["live"] != before["live"]
    assert late <= OLD_ANSWERS_SECONDS


@pytest.mark.parametrize("hard", [False, True], ids=["shut down", "plug pulled"])
def test_first_answer_after_a_reboot_is_the_apps(site: Site, *, hard: bool) -> None:
    release = site.status()["release"]
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            answers.append(_ask(site))
            done.wait(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        labs.reboot(site.host.vm.name, lab=site.host.lab.name, hard=hard)
    finally:
        done.set()
        watcher.join()

    away = next(number for number, (status, _) in enumerate(answers) if status == 0)
    back = [answer for answer in answers[away:] if answer[0]] + [_ask(site)]
    assert back[0] == (200, release)
    assert set(back) == {(200, release)}


def _ask(site: Site) -> tuple[int, str]:
    """Return status and answering release; 0 where nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", site.host.vm.http_port, timeout=10)
    with closing(connection):
        try:
            connection.request("GET", "/health", headers={"Host": "localhost"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, ""
    return answer.status, json.loads(text)["release"] if answer.status == 200 else text.decode()
