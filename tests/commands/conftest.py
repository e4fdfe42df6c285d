"""What the tests of whole commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clone import PASSWORD, Clone, make
from tests.commands.gunicorn_server import Server


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose `prod` has its secrets and no host that is there."""
    made = make(tmp_path_factory.mktemp("clone"), "prod")
    assert made.invoke("secrets.init", "--env", "prod", **PASSWORD).code == 0
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """gunicorn with one worker of two threads, for the tests after which it goes on."""
    server = Server(tmp_path_factory.mktemp("gunicorn"))
    try:
        assert server.get("/")[0] == 200, server.log.read_text()
        yield server
    finally:
        server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a gunicorn of the test's own that answers."""
    started: list[Server] = []

    def serving(**gunicorn: Any) -> Server:
        server = Server(tmp_path, **gunicorn)
        started.append(server)
        assert server.get("/")[0] == 200, server.log.read_text()
        return server

    yield serving
    for server in started:
        server.stop()
