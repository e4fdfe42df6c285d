"""A missing setting is named at start, not at the first request."""

import pytest

from hello import create_app
from hello.config import ConfigurationError


def test_production_refuses_to_start_without_a_secret_key(monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("FLASK_DEBUG", raising=False)

    with pytest.raises(ConfigurationError, match=r"SECRET_KEY is not set.*app_secrets"):
        create_app()


def test_development_starts_without_a_secret_key(monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("FLASK_DEBUG", "1")

    assert create_app().secret_key


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    monkeypatch.setenv("TURNOUT_RELEASE", "r1")
    monkeypatch.setenv("TURNOUT_SLOT", "blue")

    app = create_app()

    assert app.secret_key == "from the environment"
    assert app.test_client().get("/health").json["release"] == "r1"
    assert app.test_client().get("/health").json["slot"] == "blue"
