"""What is said to a host's program is answered, or it is said in words why not."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from turnout import ssh
from turnout.conversation import Conversation, with_all
from turnout.environment import Host
from turnout.reach import HostError

WEB1, WEB2 = Host("web1", "web1", user="deploy"), Host("web2", "web2")


class Channel:
    """Stands for paramiko's: it has a text to read, or a problem."""

    def __init__(self, text: str = "", errors: str = "", problem: Exception | None = None) -> None:
        self.out, self.errors, self.problem = io.StringIO(text), errors, problem
        self.sent = b""
        self.timeout = 0.0
        self.is_closed = False

    def makefile(self, _mode: str) -> Channel:
        return self

    def makefile_stderr(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.errors.encode())  # so it is with paramiko, whatever the mode

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def readline(self) -> str:
        if self.problem:
            raise self.problem
        return self.out.readline()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begin a conversation with a host behind this channel."""

    def begin(channel: Channel, host: Host = WEB1) -> Conversation:
        monkeypatch.setattr(ssh, "session", lambda host, words: channel)
        return Conversation(host, "shop", "rollback", "--together")

    return begin


def test_the_program_runs_once_for_the_whole_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(ssh, "session", lambda host, words: ran.append(words) or Channel())

    Conversation(WEB1, "shop", "rollback", "--together")

    assert ran == [[*ssh.PROGRAM, "rollback", "--app", "shop", "--together"]]


def test_each_line_is_answered_by_one(talk: Any) -> None:
    channel = Channel('{"a": 1}\n{"a": 2}\n')
    told = talk(channel)

    assert told.answer(20) == {"a": 1}
    assert told.ask({"phase": "start"}, 30) == {"a": 2}
    assert json.loads(channel.sent) == {"phase": "start"}
    assert channel.sent.endswith(b"\n")
    assert channel.timeout == 30


def test_what_cannot_be_said_is_an_error_of_the_host(talk: Any) -> None:
    channel = Channel()
    channel.sendall = broken  # type: ignore[method-assign]

    with pytest.raises(HostError, match="the connection was lost"):
        talk(channel).ask({"phase": "start"}, 20)


def test_what_the_host_says_against_it_is_the_error(talk: Any) -> None:
    told = talk(Channel('{"error": "blue is ill", "next_step": "mend it"}\n'))

    with pytest.raises(HostError) as failed:
        told.answer(20)
    assert (failed.value.host, failed.value.problem) == ("web1", "blue is ill")
    assert failed.value.next_step == "mend it"


@pytest.mark.parametrize(
    ("channel", "problem", "why"),
    [
        (Channel(problem=TimeoutError()), "no answer within 20 s", ""),
        (Channel(problem=ConnectionResetError("reset")), "the connection was lost", "reset"),
        (Channel(problem=EOFError()), "the connection was lost", "EOFError"),
        (Channel(), "the connection was lost", "nothing more came"),
        (Channel(errors="unrecognized arguments: --together"), "older than this command", ""),
        (Channel(errors="sudo: a password is required"), "may not become root", "sudo: a"),
    ],
)
def test_silence_has_a_reason(talk: Any, channel: Channel, problem: str, why: str) -> None:
    with pytest.raises(HostError) as failed:
        talk(channel).answer(20)

    assert problem in failed.value.problem
    assert why in failed.value.why


def test_a_host_that_fails_keeps_no_other_from_answering(talk: Any) -> None:
    talks = [talk(Channel('{"error": "ill"}\n'), WEB1), talk(Channel('{"a": 2}\n'), WEB2)]

    found = with_all(talks, lambda one: one.answer(20))

    assert isinstance(found["web1"], HostError)
    assert found["web2"] == {"a": 2}


class Mute(Channel):
    """Says nothing until it is closed, as a host that works."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = threading.Event()

    def readline(self) -> str:
        assert self._ended.wait(20)
        return ""

    def close(self) -> None:
        super().close()
        self._ended.set()


@pytest.fixture
def interrupted() -> Iterator[None]:
    """Ctrl-C is pressed while the block works."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    pressed.start()
    yield
    pressed.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted")
def test_an_interrupt_ends_all_conversations(talk: Any) -> None:
    channels = [Mute(), Mute()]
    talks = [talk(channels[0], WEB1), talk(channels[1], WEB2)]

    with pytest.raises(KeyboardInterrupt):
        with_all(talks, lambda one: one.answer(20))

    assert all(channel.is_closed for channel in channels)


def test_a_host_that_is_given_up_is_told_and_may_be_gone(talk: Any) -> None:
    channel, gone = Channel(), Channel()
    gone.sendall = broken  # type: ignore[method-assign]

    talk(channel).give_up({"phase": "revert"})
    talk(gone).give_up({"phase": "revert"})

    assert json.loads(channel.sent) == {"phase": "revert"}
    assert channel.is_closed
    assert gone.is_closed


def broken(_data: bytes) -> None:
    raise EOFError
