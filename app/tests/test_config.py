"""Settings are checked together, at start, and never shown."""

import pytest

from hello.config import (
    APP_FOLDER,
    ENVIRONMENTS,
    SETTINGS,
    Config,
    ConfigurationError,
    DevelopmentConfig,
    load,
)

PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": "only for tests, but long"}


def test_production_is_what_runs_when_nobody_says_otherwise():
    assert load({"SECRET_KEY": PRODUCTION["SECRET_KEY"]})["APP_ENV"] == "production"


def test_a_missing_setting_is_named_before_the_first_request():
    with pytest.raises(ConfigurationError, match=r"SECRET_KEY is missing.*16 characters"):
        load({"APP_ENV": "production"})


def test_everything_that_is_wrong_is_said_at_once_and_no_value_with_it():
    wrong = {
        "APP_ENV": "production",
        "SECRET_KEY": "2short",
        "DATABASE_URL": "mysql://root:hunter2@db/hello",
        "REDIS_URL": "localhost:6379",
        "SENTRY_DSN": "nonsense",
        "COOKIE_SECURE": "perhaps",
        "TRUSTED_PROXIES": "-1",
        "WRITE_LIMIT": "seldom",
        "MAX_BODY_BYTES": "10m",
        "LOG_LEVEL": "LOUD",
        "LOG_FORMAT": "yaml",
        "LOG_SLOW_SECONDS": "nan",
    }

    with pytest.raises(ConfigurationError) as caught:
        load(wrong)

    said = str(caught.value)
    for name, value in wrong.items():
        if name != "APP_ENV":
            assert f"{name} is malformed" in said
            assert value not in said.replace(name, "")
    assert "hunter2" not in said


def test_an_unknown_environment_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match="development, testing, production"):
        load({"APP_ENV": "prod"})


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_has_a_default_of_the_right_kind_for_every_setting(environment):
    chosen = ENVIRONMENTS[environment]
    for setting in SETTINGS:
        default = getattr(chosen, setting.name)
        if default:
            assert setting.parse(str(int(default)) if default is True else str(default)) == default


def test_development_needs_no_setting_at_all():
    config = load({"APP_ENV": "development"})

    assert config["DEBUG"]
    assert config["SECRET_KEY"] == DevelopmentConfig.SECRET_KEY


def test_cookies_travel_over_https_only_in_production():
    assert load(PRODUCTION)["SESSION_COOKIE_SECURE"]
    assert not load({"APP_ENV": "development"})["SESSION_COOKIE_SECURE"]
    assert not load({**PRODUCTION, "COOKIE_SECURE": "0"})["SESSION_COOKIE_SECURE"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_is_reached_by_the_driver_that_is_installed(scheme):
    config = load({**PRODUCTION, "DATABASE_URL": f"{scheme}://u:p%40ss@db/hello"})

    assert config["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://u:p%40ss@db/hello"


def test_without_a_database_named_the_shared_folder_of_the_host_holds_it(tmp_path):
    config = load({**PRODUCTION, "TURNOUT_HOME": "/srv/hello"})

    assert config["SQLALCHEMY_DATABASE_URI"] == "sqlite:////srv/hello/shared/hello.db"


def test_env_file_is_read_in_development_only(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("APP_ENV=development\nWRITE_LIMIT=3 per minute\n")
    monkeypatch.setattr("hello.config.APP_FOLDER", tmp_path)
    for name in ("APP_ENV", "WRITE_LIMIT"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)

    monkeypatch.setenv("APP_ENV", "testing")
    assert load()["WRITE_LIMIT"] != "3 per minute"
    monkeypatch.delenv("APP_ENV")
    assert load()["WRITE_LIMIT"] == "3 per minute"


def test_the_example_file_names_every_setting_and_no_other():
    lines = (APP_FOLDER / ".env.example").read_text().splitlines()
    named = {line.lstrip("#").split("=")[0] for line in lines if "=" in line and "# " not in line}

    assert named == {setting.name for setting in SETTINGS} | {"APP_ENV"}


def test_the_example_file_shows_the_defaults_of_development():
    for line in (APP_FOLDER / ".env.example").read_text().splitlines():
        name, sign, value = line.removeprefix("#").partition("=")
        setting = next((one for one in SETTINGS if one.name == name), None)
        if sign and setting and value:
            assert setting.parse(value) == getattr(DevelopmentConfig, name), name


def test_every_setting_says_what_it_means():
    for setting in SETTINGS:
        assert setting.meaning
        assert setting.form
        assert hasattr(Config, setting.name)
