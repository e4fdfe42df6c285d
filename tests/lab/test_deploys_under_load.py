"""What the project is for: nobody loses a request while a release changes.

TURNOUT_DEPLOYS says how many deploys in a row; the long run has 20 (`TURNOUT_DEPLOYS=20 pytest -s
tests/lab/test_deploys_under_load.py`).
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.lab.load import Load
from tests.lab.load_report import last_old_answer, report
from tests.lab.site import Host, Site, deployed
from turnout import lab as labs

pytestmark = pytest.mark.lab

DEPLOYS = int(os.environ.get("TURNOUT_DEPLOYS", "3"))
# nginx keeps a connection for half a second; the rest is the request itself on a busy machine.
OLD_ANSWERS_SECONDS = 2.0


@pytest.fixture(scope="module")
def site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The sample app with as many workers as a host would have."""
    return deployed(host, tmp_path_factory.mktemp("site"), app_workers=0)


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


# Each of the closing connections holds its worker up for two seconds, since nobody closes the other
# end; on the kept ones, which both workers have, a request comes meanwhile.
HELD_UP = """
import http.client, socket, time
def opened():
    one = http.client.HTTPConnection("localhost")
    one.sock = socket.socket(socket.AF_UNIX)
    one.sock.settimeout(40)
    one.sock.connect("/run/{name}.sockets/{slot}.sock")
    return one
def ask(one, **headers):
    one.request("GET", "/ready", headers=headers)
def answer(one):
    response = one.getresponse()
    response.read()
    return response.status
kept, closing = [opened() for _ in range(6)], [opened() for _ in range(12)]
for one in kept:
    ask(one)
    assert answer(one) == 200
for one in closing:
    ask(one, Connection="close")
time.sleep(2)
for one in kept:
    ask(one)
print(*map(answer, kept))
"""


def test_a_request_on_a_kept_connection_is_answered_though_its_worker_was_held_up(
    site: Site,
) -> None:
    asked = HELD_UP.format(name=site.name, slot=site.status()["live"])

    done = site.host.run("python3 -", stdin=asked.encode())

    assert done.stdout.decode().split() == ["200"] * 6, done.stderr.decode()


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


def test_a_canary_on_one_host_is_left_and_finished_and_loses_no_request(site: Site) -> None:
    live = site.status()["release"]
    with load(site):
        (site.source / "hello/version.py").write_text('VERSION = "canary"\n')
        site.play("deploy", release_canary_to=10, app_canary_seconds=2, app_bake_latency=1000.0)
        left = site.status()
        site.play("canary", release_canary_to=100)

    assert (left["release"], sorted(left["split"].values())) == (live, [10, 90])
    assert site.status()["release"] not in (None, live)


def test_a_rollback_under_load_loses_no_request_and_moves_within_two_seconds(site: Site) -> None:
    before = site.status()
    with load(site) as clients:
        result = site.program("rollback")
        time.sleep(OLD_ANSWERS_SECONDS)
        late = last_old_answer(clients.requests, site.switched(), result["release"])

    assert result["release"] == before["previous"]
    assert site.status()["live"] != before["live"]
    assert late <= OLD_ANSWERS_SECONDS


def test_workers_that_are_replaced_lose_no_request(site: Site) -> None:
    site.deploy("with short-lived workers", app_max_requests=100)

    with load(site) as clients:
        time.sleep(15)

    assert len(clients.requests) > 500, "each worker must have been replaced more than once"


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
