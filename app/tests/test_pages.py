"""The page tells a person who answered."""

from hello import __version__, create_app


def test_home_shows_release_slot_and_version(client):
    page = client.get("/").text

    assert "20260101-abc" in page
    assert '<span class="slot">green</span>' in page
    assert __version__ in page


def test_home_is_never_cached_because_the_next_release_may_answer_next(client):
    assert client.get("/").headers["Cache-Control"] == "no-store"


def test_home_works_without_a_deploy():
    page = create_app({"SECRET_KEY": "x"}).test_client().get("/").text

    assert "not deployed" in page


def test_a_release_name_cannot_inject_markup():
    app = create_app({"SECRET_KEY": "x", "RELEASE": "<script>"})

    assert "<script>" not in app.test_client().get("/").text


def test_the_style_sheet_the_page_links_to_exists(client):
    assert "/static/hello.css" in client.get("/").text
    with client.get("/static/hello.css") as sheet:
        assert sheet.status_code == 200


def test_pages_run_no_script_of_others(client):
    assert "default-src 'self'" in client.get("/").headers["Content-Security-Policy"]


def test_an_unknown_address_is_named(client):
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert "/nowhere" in answer.text
