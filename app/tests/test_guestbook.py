"""People write, and what they wrote stays."""

import re

import pytest

from hello.models import MESSAGE_LENGTH

ENTRY = {"name": "Ada", "message": "All aboard"}


def test_an_entry_is_thanked_for_and_shown(client):
    answer = client.post("/guestbook", data=ENTRY, follow_redirects=True)

    assert answer.status_code == 200
    assert "Thank you" in answer.text
    assert "All aboard" in answer.text
    assert answer.history[0].status_code == 303, "a reload must not write it again"


def test_an_entry_outlives_the_release_that_wrote_it(make):
    make(TURNOUT_SLOT="blue").test_client().post("/guestbook", data=ENTRY)

    assert "All aboard" in make(TURNOUT_SLOT="green").test_client().get("/").text


def test_what_guests_write_is_text_and_never_markup(client):
    client.post("/guestbook", data={"name": "<b>Eve</b>", "message": "<script>alert(1)</script>"})

    page = client.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;Eve" in page


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "", "message": "hello"},
        {"name": "Ada", "message": ""},
        {"name": "   ", "message": "hello"},
        {"name": "Ada", "message": "a" * (MESSAGE_LENGTH + 1)},
        {"name": "Ada", "message": "a\0b"},
        {"name": "Ada"},
        {},
    ],
)
def test_an_entry_with_a_mistake_comes_back_with_what_was_written_and_what_is_wrong(client, entry):
    answer = client.post("/guestbook", data=entry)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    if entry.get("name", "").strip():
        assert f'value="{entry["name"]}"' in answer.text
    assert "Nobody has written yet" in answer.text


def test_the_longest_message_fits(client):
    longest = "ö" * MESSAGE_LENGTH

    assert client.post("/guestbook", data={**ENTRY, "message": longest}).status_code == 303
    assert longest in client.get("/").text


def test_a_form_of_another_site_cannot_write(make):
    app = make()
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()

    assert client.post("/guestbook", data=ENTRY).status_code == 400

    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/").text)[1]
    assert client.post("/guestbook", data={**ENTRY, "csrf_token": token}).status_code == 303


def test_a_form_that_was_loaded_from_the_old_release_works_in_the_new_one(make):
    key = {"SECRET_KEY": "the same on all hosts"}
    old, new = make(TURNOUT_SLOT="blue", **key), make(TURNOUT_SLOT="green", **key)
    for app in (old, new):
        app.config["WTF_CSRF_ENABLED"] = True
    before = old.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', before.get("/").text)[1]

    after = new.test_client()
    after.set_cookie("session", before.get_cookie("session").value)

    assert after.post("/guestbook", data={**ENTRY, "csrf_token": token}).status_code == 303


def test_one_address_cannot_flood_the_book(make):
    client = make(WRITE_LIMIT="2 per minute", TRUSTED_PROXIES="1").test_client()
    here, elsewhere = ({"X-Forwarded-For": ip} for ip in ("192.0.2.1", "192.0.2.2"))

    answers = [client.post("/guestbook", data=ENTRY, headers=here) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert client.get("/", headers=here).status_code == 200, "reading has no limit"
    assert client.post("/guestbook", data=ENTRY, headers=elsewhere).status_code == 303


def test_writing_goes_on_when_redis_is_away(make):
    client = make(REDIS_URL="redis://127.0.0.1:1/0", WRITE_LIMIT="2 per minute").test_client()

    answers = [client.post("/guestbook", data=ENTRY).status_code for _ in range(3)]

    assert answers == [303, 303, 429]


def test_the_page_says_who_answers_also_while_the_database_is_away(make, tmp_path):
    client = make(DATABASE_URL=f"sqlite:///{tmp_path / 'without-a-schema.db'}").test_client()

    answer = client.get("/")

    assert answer.status_code == 200
    assert "The guest book cannot be read" in answer.text
    assert "abc1234" in answer.text
