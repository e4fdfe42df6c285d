"""Is it well? Asked as nginx would ask, answered in words."""

from __future__ import annotations

import time

import pytest

from tests.unit.host.http_server import Site
from turnout_host import health
from turnout_host.health import Answer, Health
from turnout_host.layout import Layout

WANTED = Health(path="/up?x=1", host="hello.example", scheme="https", timeout_seconds=1)


def test_the_app_is_asked_with_the_headers_of_a_real_request(
    layout: Layout, blue_site: Site
) -> None:
    answer = health.probe_slot(layout.socket("blue"), WANTED)

    path, headers = blue_site.asked[0]
    assert (path, headers["Host"]) == ("/up?x=1", "hello.example")
    assert headers["X-Forwarded-Proto"] == "https"
    assert (answer.status, answer.body) == (200, "fine")
    assert health.complaint(answer, WANTED) is None


def test_nginx_is_asked_with_the_real_host(nginx: Site) -> None:
    health.probe_public(nginx.port, WANTED)

    assert nginx.asked[0][1]["Host"] == "hello.example"


def test_a_slot_that_hangs_is_given_up_after_the_probes_own_timeout(
    layout: Layout, blue_site: Site
) -> None:
    blue_site.delay = 0.6
    began = time.monotonic()

    answer = health.probe_slot(layout.socket("blue"), WANTED._replace(timeout_seconds=0.1))

    assert time.monotonic() - began < 0.6
    assert answer.error == "no answer within 0.1 s"


def test_a_slot_without_a_socket_is_no_answer(layout: Layout) -> None:
    answer = health.probe_slot(layout.socket("blue"), WANTED)

    assert "No such file" in answer.error
    assert "GET /up?x=1 (Host hello.example): no answer" in str(health.complaint(answer, WANTED))


def test_an_answer_that_is_not_http_is_no_answer(layout: Layout, blue_site: Site) -> None:
    blue_site.headers = {"X-Long": "x" * 70000}

    assert health.probe_slot(layout.socket("blue"), WANTED).error.startswith("no answer")


def test_a_body_of_any_size_is_read_in_part(layout: Layout, blue_site: Site) -> None:
    blue_site.body = "x" * (health.BODY_LIMIT + 10)

    assert len(health.probe_slot(layout.socket("blue"), WANTED).body) == health.BODY_LIMIT


@pytest.mark.parametrize("status", [301, 404, 500])
def test_another_status_is_complained_about(status: int) -> None:
    problem = health.complaint(Answer(status), WANTED._replace(statuses=(200, 204)))

    assert problem == f"GET /up?x=1 (Host hello.example) answered {status}, not 200, 204"


def test_a_missing_text_is_complained_about() -> None:
    wanted = WANTED._replace(text="all good")

    assert "without the text 'all good'" in str(health.complaint(Answer(200, body="?"), wanted))
    assert health.complaint(Answer(200, body="... all good ..."), wanted) is None


def test_settings_may_be_partial() -> None:
    assert Health.from_settings({"path": "/up"}) == Health(path="/up")
    assert Health.from_settings({"statuses": [204]}).statuses == (204,)


def test_an_answer_is_described_with_status_headers_and_body() -> None:
    answer = Answer(503, {"Retry-After": "5"}, "database is away")

    assert answer.describe() == "HTTP 503\nRetry-After: 5\n\ndatabase is away"
