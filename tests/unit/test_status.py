"""What `status` makes of the hosts' answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnout import status as status_module
from turnout.environment import Environment, Host
from turnout.reach import HostError
from turnout.status import cells, others, status, warnings

ssh = pytest.importorskip("turnout.ssh")
HOSTS = [Host("web1", "192.0.2.1", url="https://shop.example.com"), Host("web2", "192.0.2.2")]


def answer(release: str = "r2", previous: str | None = "r1", **more: Any) -> dict[str, Any]:
    return {
        "app": "shop",
        "live": "green",
        "release": release,
        "slots": {
            "blue": {"release": previous, "state": "warm"},
            "green": {"release": release, "state": "live"},
        },
        "split": {"blue": 0, "green": 100},
        "previous": previous,
        "releases": ["r0-failed", "r1", "r2"],
        "verified_releases": ["r1", "r2"],
        "history": [],
    } | more


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two hosts; the fixture maps each name to what its program answers, or to an error."""
    answers: dict[str, Any] = {"web1": answer(), "web2": answer()}
    answers["asked"] = []

    def program(host: Host, app: str, verb: str, *words: str, timeout: int = 20) -> Any:
        answers["asked"].append((host.name, verb, *words))
        said = answers[host.name]
        if isinstance(said, HostError):
            raise said
        if verb == "status":
            return said
        return answers.get(verb, {}) | {"changed": True, "release": words[-1], "live": "blue"}

    environment = Environment("prod", "shop", HOSTS)
    monkeypatch.setattr(status_module, "load", lambda env: environment)
    monkeypatch.setattr(ssh, "program", program)
    return answers


def test_json_is_one_document_with_the_promised_keys(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("prod", as_json=True)

    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["env", "app", "hosts"]
    assert document["hosts"][0] == {
        "host": "web1",
        "url": "https://shop.example.com",
        "live": "green",
        "release": "r2",
        "slots": {
            "blue": {"release": "r1", "state": "warm"},
            "green": {"release": "r2", "state": "live"},
        },
        "split": {"blue": 0, "green": 100},
    }


def test_a_host_that_does_not_answer_has_an_error_and_fails_the_verb(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet["web2"] = HostError("web2", "port 22 is closed", next_step="is sshd running?")

    assert not status("prod", as_json=True)

    first, second = json.loads(capsys.readouterr().out)["hosts"]
    assert first["live"] == "green"
    assert second["error"] == "port 22 is closed"


def test_the_table_shows_both_slots(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status("prod")

    printed = capsys.readouterr().out
    assert "warm r1" in printed
    assert "https://shop.example.com" in printed


def test_a_canary_shows_its_share() -> None:
    row = answer(split={"blue": 5, "green": 95}) | {"host": "web1", "url": ""}

    assert "warm 5% r1" in cells(row)
    assert "live 95%" in cells(row)


@pytest.mark.parametrize(
    ("seconds_left", "share", "told"),
    [
        (600, 5, ["a canary is left at 5 %", "in 10 min", "invoke canary --env prod --to"]),
        (9, None, ["alice@laptop is changing it (deploy)"]),
        (0, None, ["the deploy of alice@laptop died", "invoke recover --env prod"]),
        (0, 5, ["the deploy of alice@laptop died", "invoke recover --env prod"]),
    ],
)
def test_whoever_holds_a_host_is_told_with_what_can_be_done(
    seconds_left: int, share: int | None, told: list[str]
) -> None:
    held = {"owner": "alice@laptop", "reason": "deploy", "seconds_left": seconds_left}

    (said,) = warnings("prod", [answer(lease=held | {"parked": share}) | {"host": "web1"}])

    assert said.startswith("web1: ")
    assert [part for part in told if part not in said] == []


def test_a_mixed_fleet_is_called_so_with_its_remedy() -> None:
    hosts = [answer("r1") | {"host": "web1"}, answer("r2") | {"host": "web2"}]

    assert warnings("prod", hosts) == [
        "Mixed fleet: r1, r2 are live at the same time.\n"
        "  Next: invoke deploy --env prod makes it whole"
    ]


def test_a_mixed_fleet_is_a_failure_to_whoever_asks_by_exit_code(fleet: dict[str, Any]) -> None:
    assert status("prod")
    fleet["web2"] = answer("r3")

    assert not status("prod")


def test_the_table_says_which_host_is_silent_and_what_else_could_go_live(
    fleet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fleet["web2"] = HostError("web2", "port 22 is closed", next_step="is sshd running?")

    assert not status("prod")

    printed = capsys.readouterr().out
    assert "no answer" in printed
    assert "is sshd running?" in printed
    assert "Also there: r1\n" in printed


def test_what_cannot_be_gone_back_to_on_every_host_is_not_listed() -> None:
    newcomer = answer(releases=["r1", "r2"], verified_releases=["r2"])

    assert others([answer(), answer()]) == ["Also there: r1"]
    assert others([answer(), newcomer]) == []
