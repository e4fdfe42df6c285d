"""The worker of a release in a real gunicorn: who takes a request, and on which connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.commands.gunicorn_server import Server, ask, until
from turnout_host import gunicorn_threads


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with closing(server.connect()) as connection:
        statuses = [ask(connection, "/")[0] for _ in range(5)]
        ours = connection.sock

    assert statuses == [200] * 5
    assert ours is not None


def test_more_connections_are_kept_than_there_are_threads(server: Server) -> None:
    connections = [server.connect() for _ in range(6)]

    for _ in range(2):
        assert [ask(connection, "/")[0] for connection in connections] == [200] * 6

    for connection in connections:
        connection.close()


def test_who_connects_and_says_nothing_takes_no_thread(server: Server) -> None:
    silent = [server.connect() for _ in range(6)]

    assert server.get("/")[0] == 200
    assert [ask(connection, "/")[0] for connection in silent] == [200] * 6

    for connection in silent:
        connection.close()


def test_no_connection_is_kept_where_requests_take_long(serve: Callable[..., Server]) -> None:
    server = serve(kept_below=gunicorn_threads.KEPT_BELOW_SECONDS)

    for _ in range(20):
        server.get("/lazy")
    with closing(server.connect()) as connection:
        connection.request("GET", "/lazy")
        answer = connection.getresponse()
        answer.read()

    assert (answer.status, answer.getheader("Connection")) == (200, "close")


def test_a_worker_with_all_threads_busy_leaves_a_request_to_another(
    serve: Callable[..., Server],
) -> None:
    server = serve(workers=2, threads=1)
    until(lambda: len({server.get("/")[1] for _ in range(4)}) == 2)  # both have booted

    with server.holding() as held:
        quick = {server.get("/")[1] for _ in range(10)}

    assert len(quick) == 1
    assert held.result()[1] not in quick


def test_threads_answer_side_by_side(server: Server) -> None:
    with server.holding() as held:
        assert server.get("/")[0] == 200

    assert held.result()[0] == 200


@pytest.mark.parametrize("kept_below", [60, 0])
def test_the_answer_to_a_body_that_the_app_leaves_unread_arrives(
    serve: Callable[..., Server], kept_below: float
) -> None:
    server = serve(kept_below=kept_below)
    body = b"GET /held HTTP/1.1\r\n\r\n" * 20_000

    with closing(server.connect()) as connection:
        connection.putrequest("POST", "/unread")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        for start in range(0, len(body), 2**15):
            connection.send(body[start : start + 2**15])
            time.sleep(0.005)
        answer = connection.getresponse()
        assert (answer.status, answer.read().split()[1]) == (200, b"0")
        if kept_below:
            assert ask(connection, "/")[0] == 200
            assert answer.getheader("Connection") == "keep-alive"


def test_an_app_that_is_patched_for_greenlets_gets_gunicorns_own_loop(
    serve: Callable[..., Server],
) -> None:
    server = serve(first="import select; del select.epoll")

    assert [server.get("/")[0] for _ in range(5)] == [200] * 5
    assert "Traceback" not in server.log.read_text()


def test_the_request_of_a_client_that_goes_is_no_complaint(server: Server) -> None:
    before = len(server.log.read_text())

    for _ in range(5):
        server.connect().close()

    assert server.get("/")[0] == 200
    assert "Traceback" not in server.log.read_text()[before:]
