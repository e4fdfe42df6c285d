"""A chat is told how a deploy ended; whatever goes wrong with that is words and nothing more."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from plugins.action import turnout_webhook
from turnout_build import webhook
from turnout_build.webhook import Ending

ENDING: dict[str, Any] = {
    "action": "deploy", "app": "hello", "environment": "prod", "release": "r2", "actor": "alice",
    "hosts": ["web1", "web2"],
}  # fmt: skip
HOSTVARS = {
    "web1": {"release_committed": {"words": "9 requests, 0 failed"}},
    "web2": {"release_committed": {"skipped": True}, "release_reverted": {"words": "went back"}},
    "web3": {},
}
SECRET = "/services/T0/B0/s3cret"


@dataclass
class Chat:
    """A webhook as Slack has one."""

    status: int = 200
    location: str = ""
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def listening(chat: Chat) -> Iterator[Chat]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.told.append((self.path, str(self.headers["Content-Type"]), body))
            self.send_response(chat.status)
            if chat.location:
                self.send_header("Location", chat.location)
            self.end_headers()

        def do_GET(self) -> None:
            chat.asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    chat.url = f"http://127.0.0.1:{server.server_port}{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def chat() -> Iterator[Chat]:
    with listening(Chat()) as made:
        yield made


def test_a_success_names_app_environment_release_hosts_who_and_seconds() -> None:
    words = webhook.text(Ending(**ENDING, seconds=12.34, receipt="receipt r2.json, sha256 abc"))

    assert words == (
        "*hello* in *prod*: r2 is live on web1, web2 (deploy by alice, 12.3 s).\n"
        "receipt r2.json, sha256 abc"
    )


def test_a_failure_says_what_failed_first() -> None:
    where = "traffic is where it was"
    words = webhook.text(Ending(**ENDING, seconds=3, cause="the app does not import", where=where))

    told = (
        "the deploy of r2 by alice to web1, web2 failed after 3.0 s, and traffic is where it was.\n"
    )
    assert told in words
    assert words.splitlines()[-1] == "the app does not import"


def test_a_cause_cannot_call_the_whole_channel() -> None:
    words = webhook.text(Ending(**ENDING, seconds=3, cause="NameError: <!channel> & more"))

    assert words.endswith("NameError: &lt;!channel&gt; &amp; more")


def test_the_message_arrives_as_slack_takes_it(chat: Chat) -> None:
    assert webhook.post(chat.url, "hello") == ""

    assert chat.told == [(SECRET, "application/json", {"text": "hello"})]


@pytest.mark.parametrize("status", [404, 500])
def test_a_webhook_that_refuses_is_told_by_its_answer(chat: Chat, status: int) -> None:
    chat.status = status

    assert webhook.post(chat.url, "hello") == f"it answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://chat.example" + SECRET, "https://chat.example"),
        ("https://s3cret:s3cret@chat.example/", "another address"),
        (SECRET + "/", "another address"),
    ],
)
def test_a_redirect_is_told_and_not_followed_without_the_message(
    chat: Chat, status: int, location: str, told: str
) -> None:
    chat.status, chat.location = status, location

    problem = webhook.post(chat.url, "hello")

    assert problem.startswith(f"it answered {status}, a redirect to {told}, which is not followed")
    assert "s3cret" not in problem
    assert not chat.asked


def test_a_webhook_that_is_not_there_is_told_without_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    problem = webhook.post(f"http://127.0.0.1:{port}{SECRET}", "hello")

    assert problem.startswith("it cannot be reached")
    assert "s3cret" not in problem


def test_a_webhook_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        problem = webhook.post(f"http://127.0.0.1:{port}{SECRET}", "hello", timeout=0.1)

    assert problem == "it did not answer within 0.1 s"


@pytest.mark.parametrize("url", ["s3cret", "http://127.0.0.1:1/s3 cret\n", "http://[s3cret/"])
def test_an_address_that_is_none_is_not_quoted(url: str) -> None:
    problem = webhook.post(url, "hello")

    assert problem
    assert "s3" not in problem


def run(monkeypatch: pytest.MonkeyPatch, *, check: bool = False, **given: Any) -> dict[str, Any]:
    monkeypatch.setattr(turnout_webhook.ActionBase, "run", lambda *_: {})
    action = object.__new__(turnout_webhook.ActionModule)
    action._task = type("Task", (), {"check_mode": check})
    known = {"began": 0.0, "cause": "", **ENDING, **given}
    action.validate_argument_spec = lambda argument_spec: (None, known)
    return dict(action.run(None, {"hostvars": HOSTVARS}))


def test_the_task_sends_the_message_and_returns_no_address(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, url=chat.url) == {"changed": True}

    assert "r2 is live on web1, web2" in chat.told[0][2]["text"]


def test_the_receipt_of_every_host_that_has_one_is_told(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, url=chat.url, hosts=["web1", "web2", "web3", "web4"])
    run(monkeypatch, url=chat.url, hosts=["web1"])

    fleet, alone = (body["text"].splitlines() for _, _, body in chat.told)
    assert fleet[1:] == ["web1: 9 requests, 0 failed", "web2: went back"]
    assert alone[1:] == ["9 requests, 0 failed"]


def test_the_task_warns_when_nobody_was_told(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.status = 410

    result = run(monkeypatch, url=chat.url)

    assert result == {"changed": False, "warnings": ["The webhook was not told: it answered 410"]}


def test_nobody_is_told_of_a_dry_run(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, check=True, url=chat.url)["skipped"]
    assert chat.told == []
