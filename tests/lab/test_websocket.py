"""A WebSocket through nginx: it stays with the release that it was opened on, while that drains."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.lab.site import Host
from tests.lab.test_apps import play
from turnout import secrets
from turnout.lab_state import Lab

pytestmark = pytest.mark.lab

IDLE_SECONDS = 14  # longer than nginx waits for something to move: the app's pings move


@pytest.fixture(scope="module", autouse=True)
def deployed(lab: Lab) -> None:
    """The echo app, live."""
    secrets.init("local")
    play(lab, "provision", "websocket")
    play(lab, "deploy", "websocket")


@pytest.fixture
def session(lab: Lab) -> Iterator[ClientConnection]:
    """An open session."""
    with opened(lab) as one:
        yield one


@contextmanager
def opened(lab: Lab) -> Iterator[ClientConnection]:
    """Open a session through the port that a user would take."""
    there = socket.create_connection(("127.0.0.1", lab.vms[0].http_port), timeout=20)
    with connect("ws://echo.localhost/echo", sock=there, max_size=None) as session:
        yield session


def echoed(session: ClientConnection, message: str | bytes) -> str | bytes:
    """Send a message and return the answer."""
    session.send(message)
    return session.recv(timeout=20)


def other_release(lab: Lab, workers: int) -> None:
    """Deploy: another number of workers is another configuration, and so another release."""
    play(lab, "deploy", "websocket", "-e", f"app_workers={workers}")


def is_running(host: Host, slot: str) -> bool:
    return host.run(f"systemctl is-active --quiet echo@{slot}.service").returncode == 0


def stopped_within(host: Host, slot: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(host, slot):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def test_messages_of_every_kind_and_size_come_back(session: ClientConnection) -> None:
    assert session.recv(timeout=20) in ("blue", "green")

    for message in ("All aboard", "übermut ✓", b"\x00\xff" * 100, b"x" * 3_000_000, "y" * 200_000):
        assert echoed(session, message) == message


def test_an_idle_session_stays_open_as_long_as_the_app_pings(session: ClientConnection) -> None:
    session.recv(timeout=20)

    time.sleep(IDLE_SECONDS)

    assert echoed(session, "still here") == "still here"


def test_a_session_outlives_the_switch_and_new_ones_reach_the_new_release(
    lab: Lab, host: Host
) -> None:
    with opened(lab) as before:
        old = str(before.recv(timeout=20))

        other_release(lab, workers=1)

        assert echoed(before, "after the switch") == "after the switch"
        with opened(lab) as after:
            new = str(after.recv(timeout=20))
            assert {old, new} == {"blue", "green"}
        assert is_running(host, old), "the old slot drains while the session is open"

    assert stopped_within(host, old, seconds=20), "a closed session is in flight no more"


def test_a_session_that_never_ends_is_closed_when_the_drain_time_is_over(lab: Lab) -> None:
    play(lab, "provision", "websocket", "-e", "app_drain_seconds=3")
    with opened(lab) as endless:
        endless.recv(timeout=20)

        other_release(lab, workers=2)

        with pytest.raises(ConnectionClosed):
            ask_for_half_a_minute(endless)


def ask_for_half_a_minute(session: ClientConnection) -> None:
    for _ in range(60):
        assert echoed(session, "anybody there?") == "anybody there?"
        time.sleep(0.5)
