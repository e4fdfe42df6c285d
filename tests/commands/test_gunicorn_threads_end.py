"""What ends in a real gunicorn, a request, a worker or gunicorn itself, harms no other request."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from tests.commands.gunicorn_server import PATIENCE_SECONDS, Server, ask, is_running, until


def test_an_answer_that_breaks_off_holds_up_no_stop(serve: Callable[..., Server]) -> None:
    server = serve(graceful_timeout_seconds=1000)

    for _ in range(3):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            server.get("/broken")

    server.process.terminate()
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "it broke off" in server.log.read_text()
    assert "could not" not in server.log.read_text()


def test_a_child_that_the_app_forks_takes_no_request(server: Server) -> None:
    connections = [server.connect() for _ in range(6)]
    workers = {str(worker) for worker in server.workers()}

    for _ in range(3):
        assert server.get("/fork")[1] in workers
        assert {ask(connection, "/")[1] for connection in connections} == workers

    for connection in connections:
        connection.close()


def test_an_app_that_exits_ends_its_request_and_no_thread(server: Server) -> None:
    for _ in range(3):
        with suppress(http.client.HTTPException, ConnectionError):
            server.get("/exit")

    assert server.get("/")[0] == 200


def test_a_stop_lets_end_what_was_begun(serve: Callable[..., Server]) -> None:
    server = serve()

    with server.holding() as held:
        server.process.terminate()
        time.sleep(0.1)

    assert held.result()[0] == 200
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_request_on_a_kept_connection_is_answered_by_a_worker_that_stops(
    serve: Callable[..., Server],
) -> None:
    server = serve()

    with closing(server.connect()) as connection:
        ask(connection, "/")
        (worker,) = server.workers()
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.1)
        assert ask(connection, "/") == (200, str(worker))
    until(lambda: not is_running(worker))
    assert server.get("/")[0] == 200


def test_a_worker_that_is_stopped_while_it_boots_ends(serve: Callable[..., Server]) -> None:
    server = serve(first="import os, signal; os.path.exists('held') and os.kill(os.getpid(), 15)")
    (server.code / "held").touch()

    (worker,) = server.workers()
    os.kill(worker, signal.SIGTERM)
    until(lambda: server.log.read_text().count("Booting worker") > 2)
    (server.code / "held").unlink()

    assert server.get("/")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_a_worker_is_replaced_after_as_many_requests_as_it_may_answer(
    serve: Callable[..., Server],
) -> None:
    server = serve(max_requests=20)
    first = server.get("/")
    answered = []

    def another() -> bool:
        answered.append(server.get("/"))
        return answered[-1][1] != first[1]

    until(another)

    assert {status for status, _ in answered} == {200}
    assert len(answered) > 15


def test_a_worker_whose_parent_died_ends(serve: Callable[..., Server]) -> None:
    server = serve()
    (worker,) = server.workers()

    server.process.kill()
    server.process.wait()

    until(lambda: not is_running(worker))
