"""Settings that cannot work are refused by name, with the remedy, and without their values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import load_role_file
from turnout_build.app_settings import from_values, problems

GOOD: dict[str, Any] = {
    "name": "storefront",
    "entry": "storefront:create_app()",
    "hostnames": ["shop.example.com", "localhost", "127.0.0.1"],
    "source": "/srv/code",
    "packages": [],
    "env": {"_X": "a $b", "LOG_LEVEL": "info"},
    "secret_names": ["SECRET_KEY"],
    "health": {"path": "/health"},
    "static": [{"url": "/static/", "path": "site-packages/ui"}],
    "config_paths": ["app.toml"],
    "writable_dirs": ["uploads", "code:instance"],
    "unbuffered_paths": ["/events"],
    "private_paths": ["/metrics", "/admin/"],
    "body_size": "10m",
    "gunicorn_arguments": ["--max-requests=1000"],
    "tls_certificate": "",
    "tls_key": "",
    "lease_seconds": 900,
    "dead_man_seconds": 60,
    "batch": 0,
    "bake_seconds": 0,
    "bake_errors": 0.02,
    "bake_latency": 2.0,
    "bake_requests": 20,
    "canary_seconds": 60,
    "canary_hold_seconds": 14400,
    "command_timeout_seconds": 600,
    "probe_rate": 20,
    "hooks": {
        "before_switch": [{"command": "scripts/announce", "timeout_seconds": 5}],
        "after_switch": [{"command": "curl -f https://shop.example.com"}],
        "on_failure": [{"tasks": "roles/app/tasks/main.yml"}],
    },
    "webhook_scheme": "https",
}


def test_good_settings_have_no_problem() -> None:
    assert problems(GOOD) == []


def test_of_secrets_and_of_the_webhook_nothing_is_looked_at_that_must_stay_unknown() -> None:
    values = load_role_file("app", "defaults/main.yml") | {
        "app_name": "storefront",
        "app_entry": "storefront:app",
        "app_hostnames": ["shop.example.com"],
        "app_source": "/srv/code",
        "app_secrets": {"SECRET KEY": "hidden"},
        "app_config_files": [{"dest": "../x", "content": "hidden"}],
        "app_webhook_url": "ftp://example.com/hidden",
    }

    found = "\n".join(problems(from_values(values)))

    assert "app_secrets holds the name 'SECRET KEY'" in found
    assert "app_config_files holds '../x'" in found
    assert "app_webhook_url is no address" in found
    assert "hidden" not in found


@pytest.mark.parametrize(
    "name", ["Shop", "1shop", "shop_front", "a" * 32, "", "shop\n", "../shop", "shop front"]
)
def test_names_that_are_no_unit_name_are_refused(name: str) -> None:
    assert any(problem.startswith("app_name ") for problem in problems({**GOOD, "name": name}))


@pytest.mark.parametrize(
    "entry", ["app:app", "shop.wsgi:application", "shop:create_app()", "a.b:c.d"]
)
def test_entries_gunicorn_can_import_are_taken(entry: str) -> None:
    assert problems({**GOOD, "entry": entry}) == []


@pytest.mark.parametrize(
    "entry", ["app", "app.py", "app:", ":app", "app:f(1)", "app:f()()", "app:app; rm", "app:app\n"]
)
def test_other_entries_are_refused_with_the_form_to_use(entry: str) -> None:
    assert "module:factory()" in "\n".join(problems({**GOOD, "entry": entry}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostnames": []}, "app_hostnames is empty"),
        ({"hostnames": ["a b"]}, "app_hostnames holds 'a b'"),
        ({"hostnames": ["a;}"]}, "app_hostnames holds 'a;}'"),
        ({"source": ""}, "app_source and app_packages are both empty"),
        ({"env": {"1X": "a"}}, "app_env holds the name '1X'"),
        ({"env": {"A-B": "a"}}, "app_env holds the name 'A-B'"),
        ({"secret_names": ["A B"]}, "app_secrets holds the name 'A B'"),
        ({"env": {"SECRET_KEY": "a"}}, "SECRET_KEY is in app_env and in app_secrets"),
        ({"env": {"X": "a\0b"}}, "app_env.X contains a NUL byte"),
        ({"env": {"X": {"a": 1}}}, "app_env.X is a dict"),
        ({"health": {"path": "health"}}, "app_health.path is 'health'"),
        ({"health": {"statuses": []}}, "app_health.statuses is []"),
        ({"health": {"statuses": [20]}}, "app_health.statuses is [20]"),
        ({"health": {"timeout_seconds": 0}}, "app_health.timeout_seconds is 0"),
        ({"health": {"soak_seconds": -1}}, "app_health.soak_seconds is -1"),
        ({"static": [{"url": "static", "path": "x"}]}, "app_static holds 'static'"),
        ({"static": [{"url": "/s/", "path": "/etc"}]}, "app_static holds '/etc'"),
        ({"private_paths": ["admin"]}, "app_private_paths holds 'admin'"),
        ({"private_paths": ["/"]}, "app_private_paths holds '/', the whole site"),
        ({"config_paths": ["../x"]}, "app_config_files holds '../x'"),
        ({"writable_dirs": ["code:../x"]}, "app_writable_dirs holds '../x'"),
        ({"writable_dirs": ["/var"]}, "app_writable_dirs holds '/var'"),
        ({"unbuffered_paths": ["/a {"]}, "app_unbuffered_paths holds '/a {'"),
        ({"body_size": "10 MB"}, "app_body_size is '10 MB'"),
        ({"lease_seconds": 600}, "app_lease_seconds is 600: make it more than"),
        ({"dead_man_seconds": 5}, "app_dead_man_seconds is 5"),
        ({"batch": "a few"}, "app_batch is 'a few'"),
        ({"batch": "0%"}, "app_batch is '0%'"),
        ({"batch": -1}, "app_batch is '-1'"),
        ({"probe_rate": -1}, "app_probe_rate is -1"),
        ({"probe_rate": 1000}, "app_probe_rate is 1000: write 0 to 100"),
        ({"hooks": {"before_deploy": []}}, "app_hooks holds 'before_deploy': the points are"),
        ({"hooks": {"after_stage": {"command": "x"}}}, "app_hooks.after_stage is no list"),
        ({"hooks": {"after_stage": ["x"]}}, "app_hooks.after_stage[0] is neither"),
        ({"hooks": {"after_stage": [{}]}}, "app_hooks.after_stage[0] is neither"),
        (
            {"hooks": {"after_stage": [{"command": "x", "tasks": "y"}]}},
            "app_hooks.after_stage[0] is neither",
        ),
        (
            {"hooks": {"after_stage": [{"command": " "}]}},
            "app_hooks.after_stage[0].command is empty",
        ),
        ({"hooks": {"after_stage": [{"tasks": "no.yml"}]}}, "there is no such file"),
        ({"hooks": {"after_stage": [{"command": "x", "cwd": "/"}]}}, "[0] holds 'cwd'"),
        (
            {"hooks": {"after_stage": [{"command": "x", "timeout_seconds": "soon"}]}},
            "timeout_seconds is 'soon'",
        ),
        ({"webhook_scheme": "file"}, "app_webhook_url is no address"),
        ({"bake_seconds": -1}, "app_bake_seconds is -1"),
        ({"bake_errors": 2}, "app_bake_errors is 2"),
        ({"bake_latency": 0.5}, "app_bake_latency is 0.5"),
        ({"bake_requests": 0}, "app_bake_requests is 0"),
        ({"canary_seconds": 0}, "app_canary_seconds is 0"),
        ({"canary_hold_seconds": 5}, "app_canary_hold_seconds is 5"),
        ({"tls_key": "/k"}, "app_tls_certificate and app_tls_key belong together"),
        ({"gunicorn_arguments": ["--bind=0:80"]}, "app_gunicorn_arguments holds --bind"),
        ({"gunicorn_arguments": ["-k", "gevent"]}, "set app_worker_class"),
    ],
)
def test_each_wrong_setting_is_named(change: dict[str, Any], said: str) -> None:
    assert said in "\n".join(problems({**GOOD, **change}))


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({**GOOD, "name": "X", "entry": "x", "hostnames": []})) == 3


def test_values_of_the_environment_are_never_told() -> None:
    found = problems({**GOOD, "env": {"1X": "private", "Y": "private\0", "Z": ["private"]}})

    assert len(found) == 3
    assert "private" not in "\n".join(found)


def hooks(seconds: int, *points: str) -> dict[str, Any]:
    return {point: [{"command": "x", "timeout_seconds": seconds}] for point in points}


@pytest.mark.parametrize(
    ("points", "seconds", "said"),
    [
        (("after_switch", "before_commit"), 20, ""),
        (("after_switch", "before_commit"), 21, "make app_dead_man_seconds 2 more"),
        (("before_stage",), 899, ""),
        (("before_stage",), 900, "900 s in before_stage: make app_lease_seconds (900) more"),
        (("after_stage", "before_migrate", "after_migrate"), 99, ""),
        (("after_stage", "before_migrate", "after_migrate"), 100, "beside app_command_timeout"),
        (("before_switch",), 899, ""),
        (("before_switch",), 900, "900 s in before_switch"),
        (("after_commit", "on_failure"), 9000, ""),
    ],
)
def test_hooks_that_may_outlast_the_lease_are_refused(
    points: tuple[str, ...], seconds: int, said: str
) -> None:
    found = problems({**GOOD, "hooks": hooks(seconds, *points)})

    assert (said in "\n".join(found)) if said else found == []
