"""What a WSGI server cannot call is found before it would have to answer."""

from __future__ import annotations

from typing import Any

import pytest

from turnout_host.wsgi_check import complaint


class App:
    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return []


def create_app(overrides: dict[str, Any] | None = None) -> App:
    return App()


def asgi(scope: Any, receive: Any, send: Any) -> None:
    return None


@pytest.mark.parametrize("app", [App(), App().__call__, lambda *args: [], dict])
def test_what_takes_environ_and_start_response_is_an_application(app: Any) -> None:
    assert complaint(app, "app:app") == ""


def test_a_factory_without_parentheses_is_told_how_to_write_it() -> None:
    said = complaint(create_app, "hello:create_app")

    assert "hello:create_app is no WSGI application" in said
    assert "written hello:create_app()" in said


def test_an_application_of_another_protocol_is_refused() -> None:
    assert "missing a required argument" in complaint(asgi, "app:asgi")


def test_what_a_factory_returned_is_not_called_a_factory() -> None:
    assert "written" not in complaint(asgi, "app:make()")
