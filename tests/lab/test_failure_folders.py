"""Why a deploy failed lies in a folder, hooks run around its phases, a chat is told how it ended.

Through plain `ansible-playbook`, on one VM.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.clone import Ran
from tests.lab.site import Site
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

NAMES = {
    "cause.txt", "answer.txt", "unit.txt", "log.txt",
    "env-keys.txt", "dependencies.txt", "files.txt", "history.txt",
}  # fmt: skip
SECRET = "s3cret-token-of-the-shop"
CONFIGURED: dict[str, Any] = {
    "app_secrets": {"SECRET_KEY": "{{ vault_secret_key }}", "PAYMENT_TOKEN": SECRET},
    "app_health": {"path": "/ready", "soak_seconds": 0, "start_timeout_seconds": 8},
}
ILL = """
import sys
healthy = app

def app(environ, start_response):
    if environ["PATH_INFO"] != "/ready":
        return healthy(environ, start_response)
    print("paying with", os.environ["PAYMENT_TOKEN"], file=sys.stderr, flush=True)
    start_response("500 Internal Server Error", [("Set-Cookie", "session=abcdef")])
    return [b"no payment with " + os.environ["PAYMENT_TOKEN"].encode()]
"""


@pytest.fixture(scope="module")
def site(small_site: Site) -> Site:
    return small_site


def deploy(site: Site, playbook: str = "deploy", **settings: Any) -> Ran:
    """Run a playbook that may fail, and return all that it showed."""
    argv, variables = site.command(playbook, **settings)
    done = subprocess.run(
        argv,
        cwd=REPOSITORY,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout)


@contextmanager
def appended(site: Site, code: str) -> Iterator[None]:
    """Let the app end with this code."""
    file = site.source / "hello/__init__.py"
    text = file.read_text()
    file.write_text(f"{text}\n{code}\n")
    try:
        yield
    finally:
        file.write_text(text)


def folder(ran: Ran) -> Path:
    """Return where the last lines on the screen say that everything is."""
    told = re.search(r"^  Everything about it: (\S+)$", ran.error(), re.MULTILINE)
    assert told, ran.output
    return REPOSITORY / told[1]


def live(site: Site) -> tuple[Any, ...]:
    status = site.status()
    return status["live"], status["release"], status["lease"]


@pytest.fixture(scope="module")
def failed(site: Site) -> Iterator[tuple[Ran, Path]]:
    """A deploy of an app that is ill, and its failure bundle."""
    before = live(site)
    with appended(site, ILL):
        ran = deploy(site, **CONFIGURED)
    assert live(site) == before
    found = folder(ran)
    yield ran, found
    shutil.rmtree(found.parent)


def test_the_first_cause_ends_the_output_and_names_the_folder(
    site: Site, failed: tuple[Ran, Path]
) -> None:
    ran, found = failed

    lines = ran.error().splitlines()
    assert lines[0].startswith(f"deploy failed on {site.host.vm.name}: ")
    assert "did not become healthy within 8 s: GET /ready" in lines[1]
    assert "answered 500, not 200" in lines[1]
    assert lines[-1].startswith("Next: ")
    assert found.name == site.host.vm.name
    assert re.fullmatch(r"\d{8}T\d{6}Z-hello", found.parent.name)
    assert "failure_bundle" not in ran.output


def test_the_folder_has_everything_and_is_its_owners(failed: tuple[Ran, Path]) -> None:
    _, found = failed

    assert {path.name for path in found.iterdir()} == NAMES
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    text = {path.name: path.read_text() for path in found.iterdir()}
    assert "answered 500" in text["cause.txt"].splitlines()[0]
    assert "HTTP 500" in text["answer.txt"]
    assert "Set-Cookie: ***" in text["answer.txt"]
    assert "no payment with ***" in text["answer.txt"]
    assert "ActiveState=active" in text["unit.txt"]
    assert "hello@" in text["unit.txt"]
    assert "paying with ***" in text["log.txt"]
    assert "PAYMENT_TOKEN  (the live release does not have it)" in text["env-keys.txt"]
    assert "The same as in the live release" in text["dependencies.txt"]
    assert "changed  hello/__init__.py" in text["files.txt"]
    assert '+    start_response("500 Internal Server Error"' in text["files.txt"]
    assert '"phase": "begin"' in text["history.txt"]


def test_the_secret_is_in_none_of_it_nor_in_what_ansible_showed(
    site: Site, failed: tuple[Ran, Path]
) -> None:
    ran, found = failed

    key = site.host.run("grep -h ^SECRET_KEY= /srv/hello/releases/*/env").stdout.decode()
    secrets = {SECRET, *re.findall(r'"(.*)"', key)}
    assert len(secrets) == 2
    for secret in secrets:
        assert secret not in ran.output
        assert all(secret not in path.read_text() for path in found.iterdir())


def test_the_output_of_an_import_that_failed_is_the_log(site: Site) -> None:
    crash = "import os\nraise RuntimeError(os.environ['PAYMENT_TOKEN'])"

    with appended(site, crash):
        ran = deploy(site, **CONFIGURED)

    found = folder(ran)
    assert "RuntimeError: ***" in ran.error()
    assert "Traceback" in (found / "log.txt").read_text()
    assert "raise RuntimeError" in (found / "files.txt").read_text()
    assert SECRET not in ran.output
    marked = site.host.run("cat /srv/hello/releases/*/failed.json /srv/hello/history.jsonl").stdout
    assert b"RuntimeError: ***" in marked
    assert SECRET.encode() not in marked
    shutil.rmtree(found.parent)


@dataclass
class Chat:
    """A webhook of a chat."""

    url: str = ""
    told: list[str] = field(default_factory=list)


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.told.append(str(json.loads(body)["text"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/services/T0/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


POINTS = (
    "before_stage", "after_stage", "before_migrate", "after_migrate", "before_switch",
    "after_switch", "before_commit", "after_commit",
)  # fmt: skip


def hooks(file: Path, *points: str, **more: list[dict[str, Any]]) -> dict[str, Any]:
    """Return settings whose hooks write to a file where they run and what they know."""
    names = "$TURNOUT_HOOK $TURNOUT_ENV $TURNOUT_APP $TURNOUT_HOSTS $TURNOUT_RELEASE $TURNOUT_CAUSE"
    say = {"command": f'echo "{names}" >> {file}', "timeout_seconds": 15}
    return {"app_hooks": {**{point: [say] for point in points}, **more}}


def test_hooks_run_in_order_and_know_the_deploy_and_the_chat_is_told(
    site: Site, chat: Chat, tmp_path: Path
) -> None:
    said, tasks = tmp_path / "said", tmp_path / "tasks.yml"
    tasks.write_text(
        "- ansible.builtin.command: readlink /srv/hello/live\n"
        "  register: link\n"
        "  changed_when: false\n"
        f"- ansible.builtin.shell: echo {{{{ link.stdout }}}} >> {said}\n"
        "  delegate_to: localhost\n"
        "  become: false\n"
    )
    on_host = [{"tasks": os.path.relpath(tasks, REPOSITORY), "timeout_seconds": 5}]
    told = hooks(said, *(point for point in POINTS if point != "before_switch"))
    told["app_hooks"]["before_switch"] = on_host
    told["app_hooks"]["after_switch"] += on_host
    before = site.status()

    release = site.deploy("hooked", **told, app_webhook_url=chat.url, release_actor="alice")

    name = site.host.vm.name
    knows = f"local hello {name} {release} "
    links = [f"splits/{before['live']}", f"splits/{site.status()['live']}"]
    assert links[0] != links[1]
    assert said.read_text().splitlines() == [
        f"before_stage {knows}",
        f"after_stage {knows}",
        f"before_migrate {knows}",
        f"after_migrate {knows}",
        links[0],
        f"after_switch {knows}",
        links[1],
        f"before_commit {knows}",
        f"after_commit {knows}",
    ]
    (words,) = chat.told
    first, receipt = words.splitlines()
    assert first.startswith(f"*hello* in *local*: {release} is live on {name} (deploy by alice, ")
    assert " 0 failed; " in receipt


def test_a_hook_that_fails_before_the_switch_leaves_the_traffic_where_it_was(
    site: Site, chat: Chat, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    broken = [{"command": "echo the balancer says no; exit 3"}]
    before = live(site)

    with appended(site, "# Changed, so that there is something to deploy."):
        ran = deploy(
            site, **hooks(said, "after_switch", "on_failure", before_switch=broken),
            app_webhook_url=chat.url,
        )  # fmt: skip

    assert ran.code != 0
    assert live(site) == before
    cause = "the hook before_switch failed with exit code 3"
    assert cause in ran.error()
    assert "the balancer says no" in ran.output
    (line,) = said.read_text().splitlines()
    assert line.startswith("on_failure local hello ")
    assert cause in line
    (words,) = chat.told
    assert "failed after" in words
    assert cause in words
    assert SECRET not in ran.output, "the address of the chat was shown"


def test_a_rollback_needs_playbook_and_is_told_of_too(
    site: Site, chat: Chat, tmp_path: Path
) -> None:
    said, before = tmp_path / "said", site.status()

    site.play(
        "rollback", **hooks(said, *POINTS, "on_failure"), app_webhook_url=chat.url,
    )  # fmt: skip

    now = site.status()
    assert now["release"] == before["previous"]
    assert [line.split()[0] for line in said.read_text().splitlines()] == [
        "before_switch", "after_switch", "before_commit", "after_commit",
    ]  # fmt: skip
    (words,) = chat.told
    assert f"{now['release']} is live on {site.host.vm.name} (rollback by " in words


def test_a_chat_that_is_gone_and_a_hook_after_the_commit_undo_nothing(site: Site) -> None:
    with appended(site, "# Changed once more."):
        ran = deploy(
            site,
            app_hooks={"after_commit": [{"command": "echo no cache to warm; exit 3"}]},
            app_webhook_url=f"http://127.0.0.1:1/{SECRET}",
        )

    assert ran.code == 0, ran.output
    assert "the hook after_commit failed with exit code 3" in ran.output
    assert "no cache to warm" in ran.output
    assert "The webhook was not told: it cannot be reached" in ran.output
    assert SECRET not in ran.output
