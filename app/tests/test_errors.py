"""Errors are for whoever asked: a page, or JSON."""

import pytest


@pytest.fixture
def broken(make):
    """An app with a view that fails in a way nobody expected."""
    app = make()
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/broken")
    def broken():
        raise RuntimeError("the reactor is on fire")

    return app.test_client()


@pytest.mark.parametrize(
    "accept", ["text/html", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8"]
)
def test_people_get_a_page(client, accept):
    answer = client.get("/nowhere", headers={"Accept": accept})

    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "Back to the start" in answer.text


def test_programs_get_json(client):
    answer = client.get("/nowhere", headers={"Accept": "application/json"})

    assert answer.status_code == 404
    assert answer.json["error"]["status"] == 404
    assert answer.json["error"]["request_id"] == answer.headers["X-Request-ID"]


def test_headers_that_belong_to_an_error_stay(client, make):
    assert "POST" in client.get("/echo").headers["Allow"]

    limited = make(WRITE_LIMIT="1 per minute").test_client()
    answers = [limited.post("/guestbook", data={"name": "a", "message": "b"}) for _ in range(2)]
    assert int(answers[1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_an_unexpected_error_tells_its_number_and_nothing_of_the_inside(broken, accept):
    answer = broken.get("/broken", headers={"Accept": accept})

    assert answer.status_code == 500
    assert "reactor" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
