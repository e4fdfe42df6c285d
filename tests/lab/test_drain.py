"""A request that is under way when the traffic moves is answered, however long it takes."""

from __future__ import annotations

import http.client
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.lab.fleet import until
from tests.lab.site import REPOSITORY, Site

pytestmark = pytest.mark.lab

SECONDS = 10
BODY = b"x" * 200_000
SLOW = f"""

import time
others = answers

def answers(environ):
    if environ["PATH_INFO"] != "/slow":
        return others(environ)
    received = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    time.sleep({SECONDS})
    return "200 OK", {{"release": os.environ["TURNOUT_RELEASE"], "bytes": received}}
"""


@pytest.fixture
def slow_site(small_site: Site) -> Site:
    """The app with a page that takes ten seconds."""
    with (small_site.source / "hello/__init__.py").open("a") as code:
        code.write(SLOW)
    small_site.deploy("slow")
    return small_site


def ask(site: Site, method: str) -> tuple[int, bytes, float]:
    """Ask the slow page; return status, body, and when the answer came (Unix time)."""
    connection = http.client.HTTPConnection("127.0.0.1", site.host.vm.http_port, timeout=60)
    with closing(connection):
        body = BODY if method == "POST" else None
        connection.request(method, "/slow", body=body, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read(), time.time()


def asked(site: Site, pool: ThreadPoolExecutor) -> list[Future[tuple[int, bytes, float]]]:
    return [pool.submit(ask, site, method) for method in ("GET", "POST", "GET")]


def test_requests_of_ten_seconds_are_answered_across_a_switch_and_then_the_slot_stops(
    slow_site: Site,
) -> None:
    old = slow_site.status()
    argv, variables = slow_site.command("deploy", app_warm_seconds=0)
    (slow_site.source / "hello/version.py").write_text('VERSION = "after-slow"\n')
    began = journal(slow_site)
    with ThreadPoolExecutor() as pool:
        deploy = subprocess.Popen(argv, cwd=REPOSITORY, env=variables, stdout=subprocess.DEVNULL)
        until(lambda: candidate_soaks(slow_site, began, deploy), "a candidate that soaks")
        answers = asked(slow_site, pool)
        assert deploy.wait(120) == 0
        results = [answer.result() for answer in answers]

    switched = slow_site.switched()
    for status, body, ended in results:
        assert status == 200, body
        assert str(old["release"]).encode() in body
        assert ended > switched, "it ended before the traffic moved"
    assert f'"bytes":{len(BODY)}'.encode() in results[1][1].replace(b" ", b"")
    until(lambda: slow_site.status()["slots"][old["live"]]["state"] == "stopped", "a slot at rest")


def candidate_soaks(site: Site, began: list[str], deploy: subprocess.Popen[bytes]) -> bool:
    """Say whether the next release is staged and migrated, and starts."""
    assert deploy.poll() is None, "the deploy has ended"
    now = journal(site)
    return now[0] != began[0] and any('"migrate"' in line for line in now)


def journal(site: Site) -> list[str]:
    return site.host.inside(f"cat /srv/{site.name}/journal.jsonl").splitlines()
