"""The log and the shell of the live release, told from what the hosts answer."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from turnout import hosts, ssh
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.hosts import logs, shell
from turnout.reach import HostError

WEB1 = Host("web1", "192.0.2.1", user="root")
WEB2 = Host("web2", "192.0.2.2", user="root")
FACTS = """User=shop
Group=shop
WorkingDirectory=/srv/shop/releases/r2/code
Environment=TURNOUT_HOME=/srv/shop
EnvironmentFiles=/srv/shop/releases/r2/env (ignore_errors=no)
ExecStart={ path=/srv/shop/venvs/k/bin/python ; argv[]=python }
"""


class Fleet:
    """Hosts that answer; `asked` is each command they got, `interactive` each ssh command line."""

    def __init__(self, *members: Host) -> None:
        self.environment = Environment("prod", "shop", list(members))
        self.live: dict[str, str | None] = {host.name: "green" for host in members}
        self.gone: set[str] = set()
        self.asked: list[tuple[str, list[str]]] = []
        self.interactive: list[list[str]] = []

    def program(self, host: Host, app: str, verb: str) -> dict[str, Any]:
        if host.name in self.gone:
            raise HostError(host.name, "port 22 is closed")
        return {"live": self.live[host.name]}

    def stream(self, host: Host, words: list[str], out: Any) -> None:
        self.asked.append((host.name, words))
        out.write("first li")
        out.write("ne\nsecond line\n")
        out.flush()

    def output(self, host: Host, words: list[str]) -> str:
        self.asked.append((host.name, words))
        return FACTS

    def units(self, name: str) -> list[str]:
        """Return the units whose journal this host was asked for."""
        (words,) = [words for host, words in self.asked if host == name]
        return [word.removeprefix("--unit=") for word in words if word.startswith("--unit=")]

    def run(self, line: list[str]) -> subprocess.CompletedProcess[str]:
        self.interactive.append(line)
        return subprocess.CompletedProcess(line, 7)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet(WEB1, WEB2)
    monkeypatch.setattr(hosts, "load", lambda env: made.environment)
    for name in ("program", "stream", "output"):
        monkeypatch.setattr(ssh, name, getattr(made, name))
    monkeypatch.setattr(hosts.subprocess, "run", made.run)
    return made


def test_the_log_is_that_of_the_live_slot(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.live["web1"] = "blue"

    logs("prod", host="web1", lines=20)

    assert fleet.units("web1") == ["shop@blue.service"]
    assert "--lines=20" in fleet.asked[0][1]
    assert capsys.readouterr().out == "first line\nsecond line\n"


def test_lines_of_several_hosts_say_whose_they_are(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    logs("prod")

    assert sorted(capsys.readouterr().out.splitlines()) == [
        "web1: first line",
        "web1: second line",
        "web2: first line",
        "web2: second line",
    ]


def test_a_log_that_is_followed_goes_on_after_a_switch(fleet: Fleet) -> None:
    logs("prod", host="web1", follow=True)

    assert fleet.units("web1") == ["shop@blue.service", "shop@green.service"]
    assert "--follow" in fleet.asked[0][1]


def test_hosts_that_do_not_answer_are_all_told_after_the_others_logs(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.environment.hosts.append(Host("web3", "192.0.2.3"))
    fleet.live["web3"] = "green"
    fleet.gone = {"web1", "web3"}

    with pytest.raises(HostError) as caught:
        logs("prod")

    shown = capsys.readouterr()
    assert "web2: second line" in shown.out
    told = str(caught.value) + shown.err
    assert "web1: port 22 is closed" in told
    assert "web3: port 22 is closed" in told


def test_a_host_without_a_release_has_no_log_and_says_what_brings_one(fleet: Fleet) -> None:
    fleet.live["web2"] = None

    with pytest.raises(HostError, match="web2: nothing is live there") as caught:
        logs("prod", host="web2")

    assert "deploy" in caught.value.next_step


def test_a_command_in_the_release_ends_with_its_own_exit_code(fleet: Fleet) -> None:
    assert shell("prod", host="web2", command="flask routes") == 7

    (line,) = fleet.interactive
    assert "192.0.2.2" in line
    assert "-t" not in line, "a pipe reads what it prints"
    assert "--property=User=shop" in line[-1]
    assert line[-1].endswith("/bin/bash -c 'flask routes'")
    assert (fleet.asked[0][0], fleet.asked[0][1][-1]) == ("web2", "shop@green.service")


def test_a_shell_for_a_person_has_a_terminal(fleet: Fleet) -> None:
    fleet.environment.hosts.pop()

    shell("prod")

    (line,) = fleet.interactive
    assert "-t" in line
    assert line[-1].endswith("/bin/bash")


def test_a_shell_is_on_one_host_which_is_asked_for_where_there_are_several(fleet: Fleet) -> None:
    with pytest.raises(TurnoutError, match="several hosts") as caught:
        shell("prod")

    assert "web1, web2" in caught.value.next_step
    assert fleet.interactive == []
