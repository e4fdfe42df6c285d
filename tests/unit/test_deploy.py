"""The early build, and what is said at the end of a deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout import build, deploy
from turnout.build import EarlyBuild
from turnout.errors import TurnoutError
from turnout.inventory import Environment, Host
from turnout.progress import Cell, Progress

PROD = Environment("prod", "shop", [Host("web1", "web1", url="https://shop.example.com")])
BOOKWORM = {"python": "3.11", "machine": "x86_64", "glibc": "2.36"}


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)


def early(monkeypatch: pytest.MonkeyPatch, make: Any) -> EarlyBuild:
    monkeypatch.setattr(build, "make", make)
    return EarlyBuild(PROD, lambda line: None, dirty=False, tests=True)


def test_an_early_build_that_fails_ends_the_deploy_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(*arguments: Any, **more: Any) -> None:
        raise TurnoutError("The app's tests failed.")

    build.remember_targets("prod", [BOOKWORM])
    started = early(monkeypatch, make)
    started.start()

    assert started.failed.wait(5)
    assert started.error is not None
    assert started.error.what == "The app's tests failed."


def test_there_is_no_early_build_before_the_hosts_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(*arguments: Any, **more: Any) -> None:
        raise AssertionError("must not build")

    started = early(monkeypatch, make)
    started.start()

    assert not started.failed.is_set()


def test_the_kinds_of_host_are_remembered_once_each() -> None:
    build.remember_targets("prod", [BOOKWORM, dict(BOOKWORM)])

    assert build.known_targets("prod") == [BOOKWORM]


def test_the_end_of_a_deploy_says_address_slot_release_and_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live = {"host": "web1", "url": "https://shop.example.com", "live": "green", "release": "r2"}
    monkeypatch.setattr(deploy.status, "ask", lambda environment: [live])
    phases = {"Stage": {"web1": Cell("changed", 1.5)}}

    deploy._conclude(PROD, Progress(phases=phases, seconds={"Stage": 1.5}), 7.25)

    assert capsys.readouterr().out.splitlines() == [
        "https://shop.example.com  green  r2  (web1)",
        "7.2 s: Stage 1.5",
    ]


def test_a_deploy_that_had_nothing_to_do_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy.status, "ask", lambda environment: [])

    deploy._conclude(PROD, Progress(), 2.0)

    assert "live already" in capsys.readouterr().out
