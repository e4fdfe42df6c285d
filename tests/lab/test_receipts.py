"""Each deploy measures itself, and what it says is what clients of its own have seen."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fleet import DEAD_MAN_SECONDS, Fleet, small_fleet, until
from tests.lab.load import Load
from tests.lab.load_report import last_old_answer, report
from turnout.lab_state import Lab
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

# One host needs no server of the others.
ALONE = {
    "app_env": {},
    "app_migrate_on": "every_host",
    "app_apt_packages": [],
    "app_warm_seconds": 3,
}
# Requests are a twentieth of a second apart, and take their time on a busy machine.
TOLERANCE_SECONDS = 0.25
FINISHED_SECONDS = 60.0
PROBES = 'grep -c \'"agent":"turnout-probe"\' /var/log/nginx/hello.access.log'


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A small app on one VM, whose old slots stop soon."""
    folder = tmp_path_factory.mktemp("receipt")
    made = small_fleet(lab, folder, **ALONE)
    made.provision()
    made.deploy("0")
    finished(made)
    return made


def finished(site: Fleet) -> dict[str, Any]:
    """Return the latest receipt when its probe has ended."""
    until(lambda: bool(site.program("receipt")["finished"]), "the receipt", FINISHED_SECONDS)
    return site.program("receipt")


def probes(site: Fleet) -> int:
    """Return how many requests of the probe are in the access log."""
    return int(site.host.run(PROBES).stdout or 0)


@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_the_receipt_says_what_other_clients_have_seen(site: Fleet, verb: str) -> None:
    time.sleep(1.5)  # nginx writes its log a second later
    before = probes(site)
    with Load(site.url, seconds=150) as clients:
        time.sleep(1)
        if verb == "deploy":
            code, output = site.begin("measured").end()
            assert code == 0, output
            assert re.search(r"\d+ requests, 0 failed; p50 [\d.]+ ms, p99 ", output), output
        else:
            site.play("rollback")
        found = finished(site)

    release = site.status()["release"]
    assert (found["action"], found["release"], found["outcome"]) == (verb, release, "live")
    assert report(clients.requests)["failed"] == 0
    assert found["failed"] == 0, found["failures"]
    # From before the switch until after the old slot has stopped.
    assert found["requests"] > 100
    assert found["samples"][0][0] < 0
    assert found["samples"][0][2] == "old"
    settled = next(mark for mark in found["marks"] if mark["mark"] == "settled")
    assert found["samples"][-1][0] > settled["seconds"]
    seen = last_old_answer(clients.requests, found["switched"], release)
    assert found["last_old_answer_ms"] / 1000 <= seen + TOLERANCE_SECONDS
    assert abs(found["switched"] - site.switched()) < 0.05
    time.sleep(1.5)  # nginx writes its log a second later
    assert probes(site) - before == found["requests"]


def test_a_controller_that_is_killed_after_the_switch_leaves_a_receipt_that_tells_it(
    site: Fleet,
) -> None:
    live, journals = site.releases(), site.journals()
    dead = site.begin("killed")
    site.wait_for("from", dead, journals)
    dead.send(signal.SIGKILL)
    until(site.is_free, "the end of the lease")

    found = finished(site)

    assert site.releases() == live
    assert found["outcome"] == "failed"
    assert "died" in found["cause"]
    assert found["back_ms"] > DEAD_MAN_SECONDS * 1000
    assert found["failed"] == 0, found["failures"]
    assert found["samples"][-1][0] * 1000 > found["back_ms"]
    folder = site.host.run("ls -l /srv/hello/receipts").stdout.decode()
    assert folder.count(".svg") == folder.count(".json")
    assert ".jsonl" not in folder
    assert set(re.findall(r"^-rw-r--r-- 1 (\w+ \w+) ", folder, re.M)) == {"root root"}


def test_a_deploy_that_asks_nobody_says_that_no_request_was_seen(site: Fleet) -> None:
    time.sleep(1.5)
    before = probes(site)

    site.deploy("quiet", app_probe_rate=0)
    found = site.program("receipt")

    assert found["words"].startswith("no request seen (app_probe_rate is 0); switch ")
    assert (found["finished"], found["requests"], found["outcome"]) == (True, 0, "live")
    time.sleep(1.5)
    assert probes(site) == before


def test_invoke_shows_the_receipt_and_keeps_it_with_its_picture(site: Fleet) -> None:
    site.deploy("shown")
    argv = [sys.executable, "-m", "invoke", "receipt", "--env", "local"]
    variables = os.environ | {"TURNOUT_LAB": site.host.lab.name}

    def run(*more: str) -> str:
        done = subprocess.run(
            [*argv, *more],
            cwd=REPOSITORY,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    table = run()
    (entry,) = json.loads(run("--json"))["hosts"].values()

    assert entry["release"] == site.status()["release"]
    assert f"{entry['release']}  deploy: live, still measured" in table
    picture = Path(REPOSITORY, re.findall(r"^(\S+\.svg) ", table, re.M)[0])
    assert "<svg" in picture.read_text()
    assert json.loads(picture.with_suffix(".json").read_text())["release"] == entry["release"]
