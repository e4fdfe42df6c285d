"""The answers a deploy relies on."""

import pytest


@pytest.mark.parametrize(("path", "status"), [("/health", "alive"), ("/ready", "ready")])
def test_it_says_its_state_and_who_answers(client, path, status):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json["status"] == status
    assert answer.json["release"] == "20260101-abc"
    assert answer.json["slot"] == "green"


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_its_answer_is_never_cached(client, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"
