"""The load generator sees what a release tool may do to a client; needs no VM."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab.load import Load
from tests.lab.load_report import Request, last_old_answer, longest_gap, report, runs

Respond = Callable[[int, bytes], tuple[bytes, bool]]


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


GOOD = answer(b'{"release": "r1"}')


@contextlib.contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """Serve on a port of this machine; ``respond`` gets the number of the request and its bytes.

    It returns what to send, and whether to end the connection with a reset after it.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    numbers = iter(range(1, 1_000_000))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while received := connection.recv(200_000):
                text, reset = respond(next(numbers), received)
                connection.sendall(text)
                if reset:
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                if b"Connection: close" in text:
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def quiet_load(url: str, *, most: int) -> list[Request]:
    """Return what one client that keeps its connection and only sends GET met."""
    with Load(url, keep=0, close=0, quiet=1, seconds=10, most=most) as load:
        while not load.limits.over:
            time.sleep(0.02)
    return load.requests


def test_right_answers_are_counted_with_who_gave_them() -> None:
    with serving(lambda _number, _received: (GOOD, False)) as url:
        met = quiet_load(url, most=2)

    assert [(request.error, request.release, request.status) for request in met] == [
        ("", "r1", 200),
        ("", "r1", 200),
    ]


def test_kept_connection_that_ends_unannounced_is_a_failure() -> None:
    with serving(lambda number, _received: (GOOD, number == 1)) as url:
        met = quiet_load(url, most=2)

    assert met[0].error == ""
    assert "unannounced" in met[1].error


def test_announced_end_of_a_connection_is_none() -> None:
    closing = answer(b'{"release": "r1"}', "Connection: close")
    with serving(lambda _number, _received: (closing, False)) as url:
        met = quiet_load(url, most=2)

    assert [request.error for request in met] == ["", ""]


@pytest.mark.parametrize(
    ("text", "reset", "reason"),
    [
        (GOOD[:-5], True, "reset"),
        (b"", True, "reset"),
        (answer(b"Bad Gateway", status="502 Bad Gateway"), False, "status 502"),
        (answer(b"not JSON"), False, "JSONDecodeError"),
    ],
    ids=["reset in the body", "no answer", "gateway error", "another page"],
)
def test_what_is_no_answer_is_a_failure_with_its_reason(
    text: bytes, *, reset: bool, reason: str
) -> None:
    with serving(lambda _number, _received: (text, reset)) as url:
        met = quiet_load(url, most=1)

    assert reason in met[0].error


def test_body_that_arrives_in_part_is_a_failure() -> None:
    def respond(_number: int, received: bytes) -> tuple[bytes, bool]:
        return (answer(b'{"bytes": 0}') if received.startswith(b"POST") else GOOD), False

    with (
        serving(respond) as url,
        Load(url, keep=1, close=0, quiet=0, seconds=10, most=2) as load,
    ):
        while not load.limits.over:
            time.sleep(0.02)

    assert [request.error for request in load.requests] == ["", "0 of 1 bytes arrived"]


def test_refused_connections_are_failures() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    assert "ConnectionRefusedError" in quiet_load(f"http://127.0.0.1:{port}", most=1)[0].error


def test_run_ends_by_itself() -> None:
    with (
        serving(lambda _number, _received: (GOOD, False)) as url,
        Load(url, keep=1, close=0, quiet=0, seconds=0.3) as load,
    ):
        time.sleep(0.6)
        count = len(load.requests)
        time.sleep(0.2)

        assert len(load.requests) == count


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1:80", "http://localhost:80", "https://127.0.0.1:443", "http://127.0.0.1"],
)
def test_no_other_machine_is_a_target(url: str) -> None:
    with pytest.raises(ValueError, match="load goes to"):
        Load(url)


def asked(sent: float, release: str, client: str = "quiet-1", error: str = "") -> Request:
    """Return a request that took a tenth of a second."""
    return Request(client, "GET", sent, sent + 0.1, 0 if error else 200, error, release)


def test_report_says_who_answered_whom_and_when() -> None:
    everything = [asked(1, "r1"), asked(2, "r1"), asked(3, "", error="gone"), asked(4, "r2")]

    figures = report(everything)

    assert (figures["requests"], figures["failed"]) == (4, 1)
    assert figures["kinds"] == {"quiet GET": 4}
    assert [failure["error"] for failure in figures["failures"]] == ["gone"]
    assert [(run.release, run.first_sent, run.last_sent) for run in runs(everything)] == [
        ("r1", 1, 2),
        ("r2", 4, 4),
    ]


def test_gap_is_between_right_answers() -> None:
    gap = longest_gap([asked(1, "r1"), asked(2, "", error="gone"), asked(5, "r1")])

    assert gap == pytest.approx(4)


def test_last_old_answer_is_counted_from_the_switch() -> None:
    everything = [asked(1, "r1"), asked(2.5, "r1", "keep-1"), asked(2.1, "r2")]

    assert last_old_answer(everything, switched=2, release="r2") == 0.5
    assert last_old_answer(everything, switched=3, release="r2") == 0
