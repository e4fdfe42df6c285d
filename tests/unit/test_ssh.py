"""How hosts are reached, and what is made of their answers; no real connection is made here."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest
from invoke import Result
from invoke.exceptions import CommandTimedOut

from turnout import openssh, ssh
from turnout.environment import Host
from turnout.hosts import inside
from turnout.reach import HostError, unreachable

PINNED = Host(
    "web1",
    "192.0.2.1",
    port=2222,
    user="deploy",
    key_file="/keys/id",
    ssh_args="""-o 'UserKnownHostsFile="/pinned keys"' -oStrictHostKeyChecking=yes -C""",
)


def test_options_are_read_in_every_form_that_ssh_takes() -> None:
    assert ssh.options(PINNED) == {
        "userknownhostsfile": '"/pinned keys"',
        "stricthostkeychecking": "yes",
    }


def test_an_unknown_host_key_is_refused_though_fabric_would_take_it() -> None:
    connection = ssh._connection(PINNED)

    assert isinstance(connection.client._policy, paramiko.RejectPolicy)


def test_the_pinned_keys_are_the_ones_that_count(tmp_path: Path) -> None:
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIKZT0Jf1sVBn8SZyVQ0VdTzJJQmQ9dQx2a5zUo4WbX7u"
    pinned = tmp_path / "known_hosts"
    pinned.write_text(f"[192.0.2.1]:2222 ssh-ed25519 {key}\n")
    host = Host("web1", "192.0.2.1", ssh_args=f"-o UserKnownHostsFile={pinned}")

    keys = ssh._connection(host).client.get_host_keys()

    assert list(keys) == ["[192.0.2.1]:2222"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("-o ProxyJump=bastion", "ssh -W '[192.0.2.1]:2222' ssh://bastion"),
        ("-J me@bastion:2022", "ssh -W '[192.0.2.1]:2222' ssh://me@bastion:2022"),
        ("-J first,second", "ssh -W '[192.0.2.1]:2222' -J first ssh://second"),
        ("-o ProxyCommand='nc -x proxy %h %p'", "nc -x proxy 192.0.2.1 2222"),
        ("-o ProxyCommand=none -o ProxyJump=none", None),
        ("-C", None),
    ],
)
def test_a_bastion_that_the_inventory_names_is_gone_through(
    arguments: str, command: str | None
) -> None:
    host = Host("web1", "192.0.2.1", port=2222, ssh_args=arguments)

    assert ssh._connection(host).gateway == command


def test_keys_of_the_user_s_configuration_that_are_not_there_are_passed_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "here").touch()
    how = {"key_filename": [str(tmp_path / "here"), str(tmp_path / "gone")]}

    ssh._leave_out_missing(how, PINNED)

    assert how == {"key_filename": [str(tmp_path / "here")]}


def test_the_inventory_s_own_key_is_not_passed_over_when_it_is_missing() -> None:
    assert ssh._connection(PINNED).connect_kwargs["key_filename"] == [PINNED.key_file]


def test_a_configuration_that_fabric_cannot_read_is_told_of_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: object, **more: object) -> None:
        raise KeyError("/run/agent.sock")

    monkeypatch.setattr(ssh, "Connection", broken)

    with pytest.raises(HostError, match="web1"):
        ssh.connected(PINNED)


def test_only_root_goes_without_sudo() -> None:
    assert ssh.as_root(PINNED, ["id", "a b"]) == "sudo -n id 'a b'"
    assert ssh.as_root(Host("a", "a", user="root"), ["id"]) == "id"


def test_the_interactive_command_reaches_the_same_host() -> None:
    line = openssh.command_line(PINNED)

    assert line[0] == "ssh"
    assert line[-1] == "192.0.2.1"
    assert line[line.index("-p") + 1] == "2222"
    assert line[line.index("-i") + 1] == "/keys/id"


def test_one_host_that_fails_does_not_keep_the_others_from_answering() -> None:
    def ask(host: Host) -> str:
        if host.name == "web1":
            raise HostError("web1", "gone")
        return "here"

    answers = ssh.on_each([PINNED, Host("web2", "b")], ask)

    assert isinstance(answers["web1"], HostError)
    assert answers["web2"] == "here"


def test_a_lab_is_started_or_made_anew_and_not_mended() -> None:
    assert "lab.up" in unreachable(PINNED, "Connection refused", lab=True).next_step
    assert "lab.down" in unreachable(PINNED, "Permission denied", lab=True).next_step


def test_a_shell_runs_as_the_unit_does() -> None:
    facts = {
        "User": "shop",
        "Group": "shop",
        "WorkingDirectory": "/srv/shop/releases/r1/code",
        "Environment": 'TURNOUT_HOME=/srv/shop "GREETING=good day"',
        "EnvironmentFiles": "/srv/shop/releases/r1/env (ignore_errors=no)",
        "ExecStart": "{ path=/srv/shop/venvs/k/bin/python ; argv[]=/srv/shop/venvs/k/bin/python }",
    }

    words = inside(facts, "flask routes")

    assert "--property=User=shop" in words
    assert "--property=EnvironmentFile=/srv/shop/releases/r1/env" in words
    assert "--setenv=TURNOUT_HOME=/srv/shop" in words
    assert "--setenv=GREETING=good day" in words
    assert "--setenv=PATH=/srv/shop/venvs/k/bin:/usr/local/bin:/usr/bin:/bin" in words
    assert words[-3:] == ["/bin/bash", "-c", "flask routes"]
    assert "--pty" in inside(facts, "")


class Connection:
    """Stands for Fabric's: it opens, or fails to, and answers each command in the same way."""

    def __init__(self, answer: str = "", problem: Exception | None = None) -> None:
        self.is_connected = False
        self.ran: list[str] = []
        self.opened = 0
        self.transport = self
        self._answer, self._problem = answer, problem
        self.breaks: Exception | None = None

    def open(self) -> None:
        self.opened += 1
        if self._problem:
            raise self._problem
        self.is_connected = True

    def close(self) -> None:
        self.is_connected = False

    def is_active(self) -> bool:
        return False  # whoever listens need not

    def get(self, remote: str, local: str) -> None:
        self.run(f"{remote} {local}")

    def open_session(self, timeout: float) -> Connection:
        assert timeout > 0
        return self

    def exec_command(self, command: str) -> None:
        self.run(command)

    def run(self, command: str, out_stream: Any = None, **how: Any) -> Any:
        self.ran.append(command)
        if how.get("timeout"):
            raise_if_slow(self._answer)
        if out_stream:
            out_stream.write(self._answer)
        if isinstance(self.breaks, Exception):
            raise self.breaks
        code, _, text = self._answer.rpartition("|")
        return SimpleNamespace(exited=int(code or 0), stdout=text, stderr="")


def raise_if_slow(answer: str) -> None:
    if answer == "slow":
        raise CommandTimedOut(Result(), timeout=20)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Callable[[Connection], Connection]:
    """Let the next hosts be reached over this connection; nothing of it stays open."""
    monkeypatch.setattr(ssh, "_open", {})

    def over(connection: Connection) -> Connection:
        monkeypatch.setattr(ssh, "_connection", lambda host: connection)
        return connection

    return over


Reached = Callable[[Connection], Connection]


def test_one_connection_serves_a_whole_command(reached: Reached) -> None:
    connection = reached(Connection('{"live": "blue"}'))

    assert ssh.program(PINNED, "shop", "status") == {"live": "blue"}
    ssh.program(PINNED, "shop", "rollback", "--release", "r1")

    assert connection.opened == 1
    assert connection.ran[1] == (
        "sudo -n python3 -IS /usr/local/lib/turnout/host.pyz rollback --app shop --release r1"
    )
    ssh.close()
    assert not connection.is_connected


def test_a_connection_that_was_lost_is_made_again(reached: Reached) -> None:
    connection = reached(Connection("text"))
    ssh.output(PINNED, ["id"])
    connection.close()

    assert ssh.output(PINNED, ["id"]) == "text"
    assert connection.opened == 2


def test_a_host_that_cannot_be_reached_is_told_in_words(reached: Reached) -> None:
    reached(Connection(problem=OSError("Connection refused")))

    with pytest.raises(HostError, match=r"web1: port 2222 of 192\.0\.2\.1 is closed"):
        ssh.output(PINNED, ["id"])


def test_a_failure_without_words_has_at_least_its_name(reached: Reached) -> None:
    reached(Connection(problem=EOFError()))

    with pytest.raises(HostError) as caught:
        ssh.output(PINNED, ["id"])

    assert caught.value.why == "EOFError"


def test_a_command_that_fails_on_the_host_is_told_with_what_it_said(reached: Reached) -> None:
    reached(Connection("3|no such unit"))

    with pytest.raises(HostError, match="web1: 'systemctl' ended with code 3") as caught:
        ssh.output(PINNED, ["systemctl", "show", "x"])

    assert caught.value.why == "no such unit"


def test_a_host_that_hangs_is_given_up_with_the_command_it_hung_in(reached: Reached) -> None:
    reached(Connection("slow"))

    with pytest.raises(HostError, match=r"no answer to 'python3 .* status --app shop'") as caught:
        ssh.program(PINNED, "shop", "status")

    assert "load of web1" in caught.value.next_step


def test_what_a_host_prints_comes_as_it_is(reached: Reached) -> None:
    reached(Connection("a line\n"))
    out = io.StringIO()

    ssh.stream(PINNED, ["journalctl"], out)

    assert out.getvalue() == "a line\n"


def test_a_conversation_begins_with_one_command(reached: Reached) -> None:
    connection = reached(Connection())

    assert ssh.session(PINNED, ["python3", "host.pyz"]) is connection
    assert connection.ran == ["sudo -n python3 host.pyz"]


@pytest.mark.parametrize("problem", [EOFError(), ConnectionResetError(), paramiko.SSHException()])
@pytest.mark.parametrize(
    "work",
    [
        lambda: ssh.session(PINNED, ["true"]),
        lambda: ssh.output(PINNED, ["true"]),
        lambda: ssh.fetch(PINNED, "/a", Path("b")),
        lambda: ssh.stream(PINNED, ["true"], io.StringIO()),
    ],
)
def test_a_connection_that_breaks_off_is_told_in_words(
    reached: Reached, work: Callable[[], object], problem: Exception
) -> None:
    reached(Connection()).breaks = problem

    with pytest.raises(HostError, match="web1: "):
        work()


class Transport:
    """Stands for paramiko's: it answers, or it is silent until somebody closes it."""

    def __init__(self, answers: int) -> None:
        self._answers, self.asked = answers, 0
        self._closed = threading.Event()

    def is_active(self) -> bool:
        return not self._closed.is_set()

    def global_request(self, kind: str, *, wait: bool) -> None:
        assert wait
        self.asked += 1
        if self.asked > self._answers:
            assert self._closed.wait(20)
            raise EOFError

    def close(self) -> None:
        self._closed.set()


def test_a_connection_ends_when_its_host_no_longer_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(ssh, "KEEPALIVE_SECONDS", 0.01)
    transport = Transport(answers=3)

    ssh._listen(transport)

    assert transport.asked == 4
    assert not transport.is_active()
