"""Whom the app believes, and what it tells the browser."""

import pytest

from hello.headers import SECURITY_HEADERS


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere", "/static/hello.css"])
def test_every_answer_carries_the_security_headers(client, path):
    with client.get(path) as answer:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value


def test_pages_run_no_script_of_others_and_none_of_their_own_inline(client):
    policy = client.get("/").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_behind_nginx_the_app_knows_https_host_and_client(make):
    app = make(TRUSTED_PROXIES="1")

    @app.get("/seen")
    def seen():
        from flask import request

        return {"url": request.url, "client": request.remote_addr}

    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example.com",
        "X-Forwarded-For": "203.0.113.9, 192.0.2.7",
    }
    answer = app.test_client().get("/seen", headers=forwarded)

    assert answer.json == {"url": "https://shop.example.com/seen", "client": "192.0.2.7"}
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_without_a_proxy_nobody_can_claim_to_be_one(make):
    app = make(TRUSTED_PROXIES="0")

    @app.get("/seen")
    def seen():
        from flask import request

        return {"client": request.remote_addr, "secure": request.is_secure}

    forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    assert app.test_client().get("/seen", headers=forwarded).json == {
        "client": "127.0.0.1",
        "secure": False,
    }


def test_the_session_cookie_is_for_this_site_and_no_script(make):
    app = make(COOKIE_SECURE="1")
    app.config["WTF_CSRF_ENABLED"] = True

    cookie = app.test_client().get("/").headers["Set-Cookie"]

    for part in ("Secure", "HttpOnly", "SameSite=Lax"):
        assert part in cookie
