"""What cannot work of what a team says about its app, by what the values mean.

By then nothing is missing and every type is right (`missing_settings`, `typed_settings`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from . import hook_settings

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOSTNAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
URL_PATH = re.compile(r"/[^\s;{}\"'\\$#]*")
BATCH = re.compile(r"(?P<number>\d+)(?P<share>%?)")
BODY_SIZE = re.compile(r"\d+[kKmMgG]?")

# A deploy rests on these; a second opinion in the raw arguments would win over it unseen.
OWNED_ARGUMENTS = {
    "-b": "systemd owns the socket",
    "--bind": "systemd owns the socket",
    "-c": "the release has its own configuration file",
    "--config": "the release has its own configuration file",
    "-D": "systemd runs gunicorn in the foreground",
    "--daemon": "systemd runs gunicorn in the foreground",
    "-k": "set app_worker_class",
    "--worker-class": "set app_worker_class",
    "--chdir": "set app_chdir",
    "-u": "set app_user",
    "--user": "set app_user",
    "-g": "the account's own group is used",
    "--group": "the account's own group is used",
    "--reload": "a release never changes while it runs",
}

# Verifying a switch takes five seconds at most; the rest is for slow hosts and networks.
LEAST_DEAD_MAN_SECONDS = 20
MOST_PROBES = 100

Settings = dict[str, Any]
Check = Callable[[Settings], Iterator[str]]


def check_name(settings: Settings) -> Iterator[str]:
    """Units, folders and accounts are named after the app."""
    if not NAME.fullmatch(settings["name"]):
        yield (
            f"app_name is {settings['name']!r}: use at most 31 lower-case letters, digits "
            "and hyphens, a letter first"
        )


def check_entry(settings: Settings) -> Iterator[str]:
    """The entry reaches gunicorn as it is."""
    if not ENTRY.fullmatch(settings["entry"]):
        yield (
            f"app_entry is {settings['entry']!r}: write module:callable, such as app:app, "
            "or module:factory(), such as app:create_app()"
        )


def check_hostnames(settings: Settings) -> Iterator[str]:
    """Without a name nginx has no site to serve."""
    if not settings["hostnames"]:
        yield "app_hostnames is empty: give the app at least one name"
    for name in settings["hostnames"]:
        if not HOSTNAME.fullmatch(name):
            yield f"app_hostnames holds {name!r}, which is no host name"


def check_source(settings: Settings) -> Iterator[str]:
    """Something must be there to deploy."""
    if not settings["source"] and not settings["packages"]:
        yield "app_source and app_packages are both empty: name a folder or a package to deploy"


def check_environment(settings: Settings) -> Iterator[str]:
    """Names that systemd's EnvironmentFile would drop without a word."""
    plain, secret = settings["env"], settings["secret_names"]
    for setting, names in (("app_env", plain), ("app_secrets", secret)):
        for name in names:
            if not VARIABLE.fullmatch(str(name)):
                yield (
                    f"{setting} holds the name {name!r}: use letters, digits and _, no digit first"
                )
    for name in sorted(set(plain) & set(secret)):
        yield f"{name} is in app_env and in app_secrets: keep one of them"
    for name, value in plain.items():
        if isinstance(value, (dict, list)):
            yield f"app_env.{name} is a {type(value).__name__}: write it as text"
        elif "\0" in str(value):
            yield f"app_env.{name} contains a NUL byte, which no environment can hold"


def check_health(settings: Settings) -> Iterator[str]:
    """A health check that cannot succeed would fail every deploy."""
    health = settings["health"]
    path, statuses = health.get("path", "/"), health.get("statuses", [200])
    if not URL_PATH.fullmatch(path):
        yield f"app_health.path is {path!r}: start it with /"
    if not statuses or not all(100 <= int(code) <= 599 for code in statuses):
        yield f"app_health.statuses is {statuses!r}: list status codes, such as [200]"
    for key in ("timeout_seconds", "start_timeout_seconds"):
        if float(health.get(key, 1)) <= 0:
            yield f"app_health.{key} is {health[key]}: give it more than 0 seconds"
    if float(health.get("soak_seconds", 0)) < 0:
        yield f"app_health.soak_seconds is {health['soak_seconds']}: it cannot be negative"


def check_paths(settings: Settings) -> Iterator[str]:
    """Paths that would leave the release, or the nginx configuration."""
    inside = [("app_static", item["path"]) for item in settings["static"]]
    inside += [("app_config_files", path) for path in settings["config_paths"]]
    inside += [("app_writable_dirs", p.removeprefix("code:")) for p in settings["writable_dirs"]]
    for setting, path in inside:
        pure = PurePosixPath(path)
        if not pure.parts or pure.is_absolute() or ".." in pure.parts:
            yield f"{setting} holds {path!r}: write a path below the app's folder, without .."
    urls = [("app_static", item["url"]) for item in settings["static"]]
    urls += [("app_unbuffered_paths", path) for path in settings["unbuffered_paths"]]
    urls += [("app_private_paths", path) for path in settings["private_paths"]]
    for setting, url in urls:
        if not URL_PATH.fullmatch(url):
            yield f"{setting} holds {url!r}: write the path of an address, such as /static/"
        elif setting == "app_private_paths" and not url.strip("/"):
            yield f"app_private_paths holds {url!r}, the whole site: let a firewall do that"


def check_nginx(settings: Settings) -> Iterator[str]:
    """Values nginx would refuse."""
    if not BODY_SIZE.fullmatch(str(settings["body_size"])):
        yield f"app_body_size is {settings['body_size']!r}: write a size such as 10m, or 0"
    if bool(settings["tls_certificate"]) != bool(settings["tls_key"]):
        yield "app_tls_certificate and app_tls_key belong together: set both or neither"


def check_gunicorn(settings: Settings) -> Iterator[str]:
    """Arguments that would take a guarantee away."""
    for argument in settings["gunicorn_arguments"]:
        why = OWNED_ARGUMENTS.get(argument.split("=")[0])
        if why:
            yield f"app_gunicorn_arguments holds {argument.split('=')[0]}: {why}"


def check_lease(settings: Settings) -> Iterator[str]:
    """A lease that ends while a host waits for another one's migration sends it back."""
    lease, command = int(settings["lease_seconds"]), int(settings["command_timeout_seconds"])
    if lease <= command:
        yield (
            f"app_lease_seconds is {lease}: make it more than app_command_timeout_seconds "
            f"({command}), for a host waits while another migrates"
        )
    if int(settings["dead_man_seconds"]) < LEAST_DEAD_MAN_SECONDS:
        yield (
            f"app_dead_man_seconds is {settings['dead_man_seconds']}: give the controller "
            f"{LEAST_DEAD_MAN_SECONDS} at least to verify the switch on every host"
        )


def check_batch(settings: Settings) -> Iterator[str]:
    """A batch is a number of hosts, or a share of them."""
    said = str(settings["batch"])
    told = BATCH.fullmatch(said)
    if not told or (told["share"] and not 1 <= int(told["number"]) <= 100):
        yield f"app_batch is {said!r}: write how many hosts, such as 1, or a share, such as 25%"


def check_probe(settings: Settings) -> Iterator[str]:
    """A probe measures a switch; it is no load test."""
    rate = int(settings["probe_rate"])
    if not 0 <= rate <= MOST_PROBES:
        yield f"app_probe_rate is {rate}: write 0 to {MOST_PROBES} requests a second"


def check_hooks(settings: Settings) -> Iterator[str]:
    """A hook that cannot run would be found out half-way through a deploy."""
    yield from hook_settings.problems(
        settings["hooks"],
        lease_seconds=float(settings["lease_seconds"]),
        dead_man_seconds=float(settings["dead_man_seconds"]) - LEAST_DEAD_MAN_SECONDS,
        command_seconds=float(settings["command_timeout_seconds"]),
    )


def check_webhook(settings: Settings) -> Iterator[str]:
    """Its address is a secret, so only its beginning is looked at."""
    if settings["webhook_scheme"] not in ("http", "https"):
        yield "app_webhook_url is no address: write one that begins with https://"


def check_bake(settings: Settings) -> Iterator[str]:
    """Limits that nothing meets, or that everything does."""
    if not 0 <= float(settings["bake_errors"]) < 1:
        yield f"app_bake_errors is {settings['bake_errors']}: write a ratio, such as 0.02 for 2 %"
    if float(settings["bake_latency"]) < 1:
        yield (
            f"app_bake_latency is {settings['bake_latency']}: write how many times the p95 of the "
            "other release is allowed, 1 at least"
        )
    for name, least in (("bake_seconds", 0), ("bake_requests", 1), ("canary_seconds", 1)):
        if int(settings[name]) < least:
            yield f"app_{name} is {settings[name]}: it is {least} at least"
    if int(settings["canary_hold_seconds"]) < LEAST_DEAD_MAN_SECONDS:
        yield (
            f"app_canary_hold_seconds is {settings['canary_hold_seconds']}: a canary that is left "
            f"needs {LEAST_DEAD_MAN_SECONDS} at least"
        )


CHECKS: list[Check] = [
    check_name,
    check_entry,
    check_hostnames,
    check_source,
    check_environment,
    check_health,
    check_paths,
    check_nginx,
    check_gunicorn,
    check_lease,
    check_batch,
    check_probe,
    check_hooks,
    check_webhook,
    check_bake,
]


def problems(settings: Settings) -> list[str]:
    """Return every problem of the settings, in words."""
    return [problem for check in CHECKS for problem in check(settings)]


def from_values(values: dict[str, Any]) -> Settings:
    """Return what is checked of the settings `app_*`: of secrets their names, not their values."""
    settings = {name.removeprefix("app_"): value for name, value in values.items()}
    webhook = str(settings.pop("webhook_url"))
    return {
        **settings,
        "secret_names": list(settings.pop("secrets")),
        "config_paths": [file["dest"] for file in settings.pop("config_files")],
        "webhook_scheme": urlsplit(webhook).scheme if webhook else "https",
    }
