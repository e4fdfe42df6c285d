"""What a log line says, and what it must never say."""

import io
import json
import logging
import subprocess
import sys

import pytest

from hello.config import APP_FOLDER
from hello.logs import Redaction


@pytest.fixture
def log(make, monkeypatch):
    """An app that logs JSON, a client for it, and its lines so far."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    app = make(LOG_FORMAT="json", LOG_LEVEL="DEBUG")

    def lines():
        return [json.loads(line) for line in written.getvalue().splitlines()]

    lines.app, lines.client, lines.written = app, app.test_client(), written
    return lines


def test_each_line_is_json_with_time_source_request_release_and_slot(log):
    log.client.get("/identity", headers={"X-Request-ID": "train-7"})

    line = log()[-1]
    assert line["message"] == "request"
    assert line["level"] == "INFO"
    assert line["time"].endswith("Z")
    assert line["source"].startswith("logs.py:")
    assert line["request_id"] == "train-7"
    assert line["slot"] == "green"
    assert line["release"].startswith("20260101T120000")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/identity", 200)


def test_a_request_without_an_id_gets_one_and_so_does_its_answer(log):
    answer = log.client.get("/identity")

    assert len(answer.headers["X-Request-ID"]) == 32
    assert log()[-1]["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("forged", ["a b", "x" * 200, '"} {', "ümlaut"])
def test_an_id_that_could_forge_a_line_is_replaced(log, forged):
    answer = log.client.get("/identity", headers={"X-Request-ID": forged.encode().decode("latin1")})

    assert forged not in answer.headers["X-Request-ID"]


def test_a_slow_request_is_warned_about(make, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)

    make(LOG_FORMAT="json", LOG_SLOW_SECONDS="0.0000001").test_client().get("/identity")

    line = json.loads(written.getvalue().splitlines()[-1])
    assert (line["level"], line["message"]) == ("WARNING", "slow request")


def test_monitors_do_not_fill_the_log(make, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    client = make(LOG_FORMAT="json", LOG_LEVEL="INFO").test_client()

    client.get("/health")
    client.get("/ready")

    assert written.getvalue() == ""


def test_an_exception_is_logged_once_with_its_traceback(log):
    app = log.app
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/broken")
    def broken():
        raise RuntimeError("the signal box is empty")

    log.client.get("/broken")

    told = [line for line in log() if "signal box" in json.dumps(line)]
    assert len(told) == 1
    assert "Traceback" in told[0]["exc_info"]


def test_development_lines_are_for_people(make, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)

    make(LOG_FORMAT="text", LOG_LEVEL="INFO").test_client().get("/identity")

    line = written.getvalue()
    assert "INFO    logs.py:" in line
    assert "request method=GET path=/identity status=200 seconds=" in line


def test_a_file_takes_the_lines_instead_of_standard_error(make, monkeypatch, tmp_path):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)

    make(LOG_FORMAT="json", LOG_FILE=str(tmp_path / "hello.log")).test_client().get("/identity")

    assert '"request"' in (tmp_path / "hello.log").read_text()
    assert written.getvalue() == ""


def test_start_and_stop_are_logged(inherited, tmp_path):
    program = "from hello import create_app; create_app()"
    environment = {
        **inherited,
        "APP_ENV": "production",
        "SECRET_KEY": "only for tests, but long",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'hello.db'}",
    }

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=APP_FOLDER, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip

    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == [
        "started",
        "stopped",
    ]


SECRETS = {
    "password in words": ("login failed, password=hunter2 given", "hunter2"),
    "password in a dictionary": ("%s", "hunter2", {"db_password": "hunter2"}),
    "password in JSON": ('sent {"user_password": "hunter2 and more"}', "hunter2"),
    "password with an escaped quote": (r'sent {"passwd": "hun\"ter2"}', "ter2"),
    "password of a database": ("connect to postgresql://app:hunter2@db/app", "hunter2"),
    "password of a database without a user": ("redis://:hunter2@cache:6379/0", "hunter2"),
    "api key": ("calling with X-Api-Key: abcdef123456", "abcdef123456"),
    "token in a query": ("GET /reset?token=abcdef123456&page=2", "abcdef123456"),
    "csrf token": ("csrf_token=IjkyZGYi.aA.xyz refused", "IjkyZGYi"),
    "bearer": ("sent Bearer abcdef123456.x", "abcdef123456"),
    "authorization header": ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    "cookie header": ("Cookie: session=abcdef123456; theme=dark", "abcdef123456"),
    "set-cookie header": ("Set-Cookie: session=abcdef123456; Path=/", "abcdef123456"),
    "headers as a dictionary": ("%s", "abcdef", {"headers": {"Cookie": "session=abcdef"}}),
    "json web token": ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def", "eyJzdWIi"),
    "private key": ("-----BEGIN PRIVATE KEY-----\nMIIabcdef\n-----END PRIVATE KEY-----", "MIIabc"),
    "mail address": ("sent to ada.lovelace+news@mail.example.com", "lovelace"),
    "IPv4 address": ("refused 203.0.113.77", "203.0.113.77"),
    "IPv6 address": ("refused 2001:db8:85a3:0:0:8a2e:370:7334", "8a2e"),
    "short IPv6 address": ("refused 2001:db8::8a2e", "8a2e"),
    "card": ("paid with 4111 1111 1111 1111", "4111 1111 1111"),
    "account": ("paid from DE89 3704 0044 0532 0130 00", "0044 0532"),
}


@pytest.mark.parametrize("case", SECRETS)
def test_secrets_and_personal_data_never_reach_the_log(log, case):
    message, leak, *argument = SECRETS[case]
    logger = logging.getLogger("somebody.elses.library")

    logger.warning(message, *argument)
    logger.warning("a field", extra={"payload": argument[0] if argument else message})
    try:
        raise RuntimeError(message % tuple(argument) if argument else message)
    except RuntimeError:
        logger.exception("an error")

    assert leak not in log.written.getvalue()
    assert log.written.getvalue().count("[redacted]") >= 3


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "session_id", "email", "remote_addr"]
)
def test_a_field_is_judged_by_its_name(log, name):
    logging.getLogger("hello").warning("a field", extra={name: "looks harmless"})

    assert "looks harmless" not in log.written.getvalue()


def test_without_the_filter_these_tests_would_fail(log):
    """The leaks are real: the filter is what stops them."""
    for handler in logging.getLogger().handlers:
        for one in [kept for kept in handler.filters if isinstance(kept, Redaction)]:
            handler.removeFilter(one)

    for message, _leak, *argument in SECRETS.values():
        logging.getLogger("hello").warning(message, *argument)

    written = log.written.getvalue()
    assert [case for case, (_, leak, *_more) in SECRETS.items() if leak not in written] == []


def test_what_a_guest_writes_and_sends_stays_out_of_the_log(log):
    log.client.post(
        "/guestbook?token=abcdef123456",
        data={"name": "Ada Lovelace", "message": "my password is hunter2"},
        headers={"Cookie": "other=abcdef", "Authorization": "Bearer abcdef"},
        environ_base={"REMOTE_ADDR": "203.0.113.77"},
    )

    written = log.written.getvalue()
    assert "guest book entry written" in written
    for leak in ("Lovelace", "hunter2", "abcdef", "203.0.113.77"):
        assert leak not in written


def test_ordinary_words_stay(log):
    said = "release 20260101T120000-abc1234 answered 200 on /ready in 0.25 s, 42 entries"
    logging.getLogger("hello").info(said)

    assert log()[-1]["message"] == said
