"""What people see, and what the page asks for once a second."""

import json

from hello import __version__
from hello.config import APP_FOLDER
from hello.history import deploys


def test_the_page_tells_slot_release_commit_host_and_version(client):
    page = client.get("/").text

    for shown in ("slot-green", "20260101T120000-abc1234", ">abc1234<", __version__):
        assert shown in page


def test_the_page_asks_who_answers(client):
    answer = client.get("/identity")

    assert answer.json["slot"] == "green"
    assert answer.json["commit"] == "abc1234"
    assert answer.json["host"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_outside_a_deploy_the_page_says_so(make):
    client = make(TURNOUT_RELEASE="", TURNOUT_SLOT="").test_client()

    assert "none: not deployed" in client.get("/").text
    assert client.get("/identity").json["release"] is None


def test_a_release_of_uncommitted_code_says_so(make):
    client = make(TURNOUT_RELEASE="20260101T120000-abc1234.dirty-5eaf00d1-9f8e7d").test_client()

    assert client.get("/identity").json["commit"] == "abc1234.dirty"


def test_a_release_of_another_naming_has_no_commit(make):
    assert make(TURNOUT_RELEASE="v7").test_client().get("/identity").json["commit"] is None


def test_the_page_shows_the_deploys_newest_first_and_not_who_made_them(make, tmp_path):
    lines = [
        {"time": "2026-01-01T10:00:00Z", "action": "deploy", "outcome": "live", "release": "first",
         "live": "blue", "actor": "somebody", "seconds": {"stage": 1.5, "start": 2.0}},
        {"time": "2026-01-02T10:00:00Z", "action": "deploy", "outcome": "failed",
         "release": "second", "live": "blue", "actor": "somebody", "seconds": {}},
    ]  # fmt: skip
    history = "\n".join(map(json.dumps, lines)) + '\n{"torn": '
    (tmp_path / "history.jsonl").write_text(history)

    page = make(TURNOUT_HOME=str(tmp_path)).test_client().get("/").text

    assert page.index("second") < page.index("first")
    assert "3.5" in page
    assert "failed" in page
    assert "somebody" not in page


def test_a_long_history_is_read_from_its_end(tmp_path):
    line = '{"time": "t", "action": "deploy", "outcome": "live", "release": "r%d", "seconds": {}}\n'
    (tmp_path / "history.jsonl").write_text("".join(line % number for number in range(5000)))

    assert [one.release for one in deploys(str(tmp_path))] == [
        f"r{n}" for n in range(4999, 4989, -1)
    ]


def test_a_host_without_a_history_is_no_error(tmp_path):
    assert deploys(str(tmp_path)) == []


def test_the_page_works_without_javascript(client):
    page = client.get("/").text

    assert "<noscript>" in page
    assert '<form method="post" action="/guestbook">' in page


def test_style_and_script_are_served(client):
    for name in ("hello.css", "live.js", "icon.svg"):
        with client.get(f"/static/{name}") as answer:
            assert answer.status_code == 200, name


def test_nothing_in_the_pages_would_need_inline_script_or_style():
    for template in (APP_FOLDER / "hello/templates").glob("*.html"):
        text = template.read_text()
        assert "style=" not in text
        assert "onclick" not in text
        assert "<script>" not in text
