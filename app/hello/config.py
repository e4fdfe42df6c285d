"""Settings: read from the environment once, checked together, before the first request."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

APP_FOLDER = Path(__file__).resolve().parent.parent
SHORTEST_KEY = 16
DATABASES = ("sqlite", "postgresql")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class ConfigurationError(RuntimeError):
    """Settings are missing or malformed; the message lists all of them, and never a value."""

    def __init__(self, environment: str, problems: list[str]) -> None:
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(
            f"The app's settings for APP_ENV={environment} are not complete:{lines}\n"
            "Put them into app_env and app_secrets of the inventory; on your own machine run "
            "`./inv setup`, or copy .env.example to .env and set APP_ENV=development."
        )


def text(value: str) -> str:
    """Anything."""
    return value


def key(value: str) -> str:
    """A key of 16 characters or more."""
    if len(value) < SHORTEST_KEY:
        raise ValueError
    return value


def flag(value: str) -> bool:
    """1 or 0."""
    if value.lower() not in TRUE + FALSE:
        raise ValueError
    return value.lower() in TRUE


def whole(value: str) -> int:
    """A whole number, 0 or more."""
    if not re.fullmatch("[0-9]{1,18}", value):
        raise ValueError
    return int(value)


def seconds(value: str) -> float:
    """A number of seconds, more than 0."""
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def level(value: str) -> str:
    """DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    if value.upper() not in LEVELS:
        raise ValueError
    return value.upper()


def log_format(value: str) -> str:
    """json or text."""
    if value not in ("json", "text"):
        raise ValueError
    return value


def rate(value: str) -> str:
    """A rate, such as "10 per minute"."""
    from limits import parse_many

    parse_many(value)
    return value


def redis(value: str) -> str:
    """An address redis:// or rediss://."""
    if not re.fullmatch(r"rediss?://\S+", value):
        raise ValueError
    return value


def web_address(value: str) -> str:
    """An address https:// or http://."""
    if not re.fullmatch(r"https?://\S+", value):
        raise ValueError
    return value


def database(value: str) -> str:
    """An address sqlite:////path/to/file or postgresql://user:password@host/name."""
    try:
        # Some hosters still say postgres://, which SQLAlchemy has forgotten.
        url = make_url(re.sub("^postgres://", "postgresql://", value))
    except ArgumentError as error:
        raise ValueError from error
    if url.get_backend_name() not in DATABASES:
        raise ValueError
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class Setting:
    """One variable of the environment: what it means, and how its text becomes a value."""

    name: str
    meaning: str
    parse: Callable[[str], Any] = text
    secret: bool = False

    @property
    def form(self) -> str:
        """What the value must look like, in words."""
        return self.parse.__doc__ or ""


SETTINGS = (
    Setting("SECRET_KEY", "signs sessions and form tokens; the same on all hosts", key, True),
    Setting("DATABASE_URL", "where the guest book is kept", database, True),
    Setting("REDIS_URL", "counts the rate limit for all workers and hosts", redis, True),
    Setting(
        "SENTRY_DSN", "where errors are reported, if sentry-sdk is installed", web_address, True
    ),
    Setting("COOKIE_SECURE", "whether cookies travel over https only", flag),
    Setting("TRUSTED_PROXIES", "how many reverse proxies are in front of the app", whole),
    Setting("WRITE_LIMIT", "how often one address may write into the guest book", rate),
    Setting("MAX_BODY_BYTES", "the largest request body that is read, in bytes", whole),
    Setting("LOG_LEVEL", "the least important lines that are logged", level),
    Setting("LOG_FORMAT", "lines for programs (json) or for people (text)", log_format),
    Setting("LOG_FILE", "a file that rotates, instead of standard error", text),
    Setting("LOG_SLOW_SECONDS", "a request that takes longer is warned about", seconds),
    Setting("TURNOUT_RELEASE", "the release; a deploy sets it", text),
    Setting("TURNOUT_SLOT", "the slot, blue or green; a deploy sets it", text),
    Setting("TURNOUT_HOME", "the app's folder on the host; a deploy sets it", text),
)


class Config:
    """What holds in every environment. None: required, without a default."""

    TESTING = False
    DEBUG = False
    WTF_CSRF_ENABLED = True

    SECRET_KEY: ClassVar[str | None] = None
    DATABASE_URL = ""
    REDIS_URL = ""
    SENTRY_DSN = ""
    COOKIE_SECURE = False
    TRUSTED_PROXIES = 0
    WRITE_LIMIT = "10 per minute"
    MAX_BODY_BYTES = 10 * 1024 * 1024
    LOG_LEVEL = "INFO"
    LOG_FORMAT = "text"
    LOG_FILE = ""
    LOG_SLOW_SECONDS = 1.0
    TURNOUT_RELEASE = ""
    TURNOUT_SLOT = ""
    TURNOUT_HOME = ""


class DevelopmentConfig(Config):
    """On your own machine: works with no setting at all."""

    DEBUG = True
    SECRET_KEY = "development only"  # noqa: S105 nothing is protected with it
    LOG_LEVEL = "DEBUG"


class TestingConfig(Config):
    """Under pytest: forms without a token, and no limit on writing unless a test asks for one."""

    TESTING = True
    WTF_CSRF_ENABLED = False
    SECRET_KEY = "only for these tests"  # noqa: S105 nothing is protected with it
    WRITE_LIMIT = "1000000 per second"


class ProductionConfig(Config):
    """Behind nginx, for everybody."""

    COOKIE_SECURE = True
    TRUSTED_PROXIES = 1
    LOG_FORMAT = "json"


ENVIRONMENTS: dict[str, type[Config]] = {
    "development": DevelopmentConfig,
    "testing": TestingConfig,
    "production": ProductionConfig,
}


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return Flask's configuration.

    Args:
        environ: the environment; by default the process's, with `.env` in development.

    Raises:
        ConfigurationError: something is missing or malformed.
    """
    if environ is None:
        environ = environment_of_process()
    name = environ.get("APP_ENV") or "production"
    if name not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise ConfigurationError("?", [f"APP_ENV must be one of: {known}"])
    chosen = ENVIRONMENTS[name]
    values, problems = read(environ, chosen)
    if problems:
        raise ConfigurationError(name, problems)
    return {
        "APP_ENV": name,
        "TESTING": chosen.TESTING,
        "DEBUG": chosen.DEBUG,
        "WTF_CSRF_ENABLED": chosen.WTF_CSRF_ENABLED,
        **values,
        **for_flask(values),
    }


def environment_of_process() -> Mapping[str, str]:
    """Return the environment, in development with what `.env` adds to it."""
    if os.environ.get("APP_ENV", "development") == "development":
        try:
            from dotenv import load_dotenv
        except ImportError:  # a development requirement: a host does not have it
            return os.environ
        load_dotenv(APP_FOLDER / ".env")
    return os.environ


def read(environ: Mapping[str, str], chosen: type[Config]) -> tuple[dict[str, Any], list[str]]:
    """Return every setting's value, and what is wrong with those that have none."""
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        given = environ.get(setting.name, "")
        values[setting.name] = getattr(chosen, setting.name)
        if given:
            try:
                values[setting.name] = setting.parse(given)
            except ValueError:
                problems.append(f"{setting.name} is malformed ({setting.meaning}). {setting.form}")
        elif values[setting.name] is None:
            problems.append(f"{setting.name} is missing ({setting.meaning}). {setting.form}")
    return values, problems


def for_flask(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under the names that Flask and its extensions read."""
    return {
        "MAX_CONTENT_LENGTH": values["MAX_BODY_BYTES"],
        "SESSION_COOKIE_SECURE": values["COOKIE_SECURE"],
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SQLALCHEMY_DATABASE_URI": values["DATABASE_URL"] or own_database(values["TURNOUT_HOME"]),
        "RATELIMIT_STORAGE_URI": values["REDIS_URL"] or "memory://",
        "RATELIMIT_HEADERS_ENABLED": True,  # Retry-After tells when it is worth another try
        # Writing goes on without Redis; each worker then counts for itself.
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": bool(values["REDIS_URL"]),
        "RATELIMIT_IN_MEMORY_FALLBACK": [],
        # A token lives as long as the session: a form may stay open over lunch and two deploys.
        "WTF_CSRF_TIME_LIMIT": None,
    }


def own_database(home: str) -> str:
    """Return the address of the SQLite file that is used where no database is named."""
    folder = Path(home) / "shared" if home else APP_FOLDER / "instance"
    return f"sqlite:///{folder / 'hello.db'}"
