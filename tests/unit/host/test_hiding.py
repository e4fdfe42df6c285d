"""No value of a release's configuration is read by somebody else, however a log quotes it."""

from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest

from tests.unit.host import making
from turnout_host import envfile, hiding
from turnout_host.health import Answer
from turnout_host.layout import Layout

ODD = "p\"ss\\wörd <&> $5/it's"


def configured(layout: Layout, environment: dict[str, str], **files: str) -> hiding.Hide:
    making.make_release(layout, "r1")
    (layout.release("r1") / "env").write_text(envfile.render(environment))
    for name, content in files.items():
        (layout.release("r1") / "config").mkdir(exist_ok=True)
        (layout.release("r1") / "config" / name).write_text(content)
    return hiding.hider(layout, "r1")


def test_every_value_of_the_environment_is_hidden_wherever_it_stands(layout: Layout) -> None:
    hide = configured(layout, {"A": "s3cret-one", "B": "s3cret-one-more"})

    assert hide("a=s3cret-one;s3cret-one-more and s3cret-onehundred") == "a=***;*** and ***hundred"


def test_what_is_shorter_than_six_characters_is_a_word_like_any_other(layout: Layout) -> None:
    hide = configured(layout, {"A": "12345", "B": "123456"})

    assert hide("12345 123456") == "12345 ***"


def jinja(text: str) -> str:
    """Return what markupsafe makes of a text."""
    marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
    return "".join(marks.get(character, character) for character in text)


FORMS = [
    str, json.dumps, repr, html.escape, jinja, quote, lambda text: quote(text, safe=""), quote_plus,
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_as_logs_pages_and_addresses_quote_it(layout: Layout, form: str) -> None:
    hide = configured(layout, {"A": ODD})

    assert hide(f"before {form(ODD)} after").replace('"', "").replace("'", "") == (
        "before *** after"
    )


def test_each_line_of_a_value_is_hidden_on_its_own(layout: Layout) -> None:
    hide = configured(layout, {"KEY": "-----BEGIN-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END-----"})

    assert hide("read: MIIEvQIBADAN") == "read: ***"


def test_the_password_of_an_address_is_hidden_without_the_address(layout: Layout) -> None:
    hide = configured(layout, {"DATABASE_URL": "postgresql://shop:hunter22@db.example/shop"})

    assert hide('authentication of "shop" with hunter22 failed') == (
        'authentication of "shop" with *** failed'
    )


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("[database]\npassword = s3cret-ini\n", "password, database"),
        ('{"password": "s3cret-ini",\n "port": 5432}', "password, port"),
        ("password: s3cret-ini\n", "password"),
        ("passwords:\n  - s3cret-ini\n", "passwords"),
        ("token = 's3cret-ini'  # for the shop", "token"),
    ],
)
def test_values_of_config_files_are_hidden_and_their_names_are_not(
    layout: Layout, content: str, kept: str
) -> None:
    hide = configured(layout, {}, settings=content)

    assert hide(f"{kept}: s3cret-ini") == f"{kept}: ***"


def test_what_the_release_says_in_the_open_is_no_secret(layout: Layout) -> None:
    hide = configured(layout, {"SITE": "hello.example", "KEY": "s3cret-one"})

    assert hide("GET /health of hello.example: s3cret-one") == "GET /health of hello.example: ***"


def test_a_release_that_is_not_here_hides_nothing(layout: Layout) -> None:
    assert hiding.hider(layout, "r9", None)("as it is") == "as it is"


def test_headers_that_let_somebody_in_are_shown_by_name_only() -> None:
    told = Answer(
        500, {"Set-Cookie": "session=abc", "Content-Type": "text/html"}, "oops"
    ).describe()

    assert told == "HTTP 500\nSet-Cookie: ***\nContent-Type: text/html\n\noops"
