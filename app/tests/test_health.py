"""Alive, ready, and told apart."""

import pytest


@pytest.fixture
def without_database(make):
    return make(DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/nothing").test_client()


@pytest.mark.parametrize(("path", "status"), [("/health", "alive"), ("/ready", "ready")])
def test_a_healthy_app_says_so_with_its_release_and_slot(client, path, status):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json["status"] == status
    assert answer.json["slot"] == "green"
    assert answer.json["release"].startswith("20260101T120000-abc1234")
    assert answer.headers["Cache-Control"] == "no-store"


def test_alive_depends_on_nothing(without_database):
    assert without_database.get("/health").status_code == 200


def test_without_its_database_the_app_is_not_ready_and_says_why(without_database):
    answer = without_database.get("/ready")

    assert answer.status_code == 503
    assert answer.json["reasons"] == ["the database cannot be reached"]
    assert "hunter2" not in answer.text
