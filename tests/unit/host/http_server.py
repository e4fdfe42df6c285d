"""A small web server with settable answers: a slot behind its socket, or nginx before it."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path


@dataclass
class Site:
    """What is answered, and what was asked; `keeps` is for connections, and set before serving."""

    status: int = 200
    body: str = "fine"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    keeps: bool = False
    connections: int = 0


class _Server(socketserver.ThreadingMixIn):
    daemon_threads = True
    block_on_close = True


class UnixServer(_Server, socketserver.UnixStreamServer):
    """Listens on a path."""


class TcpServer(_Server, socketserver.TCPServer):
    """Listens on a free port of 127.0.0.1."""


@contextmanager
def serving(site: Site, path: Path | None = None) -> Iterator[Site]:
    """Answer as ``site`` says, on the unix socket ``path`` or else on ``site.port``."""
    server: UnixServer | TcpServer
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        server = UnixServer(str(path), _handler(site))
    else:
        server = TcpServer(("127.0.0.1", 0), _handler(site))
        site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if site.keeps else "HTTP/1.0"

        def setup(self) -> None:
            site.connections += 1
            super().setup()

        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            time.sleep(site.delay)
            try:
                self._answer()
            except BrokenPipeError:
                return

        def _answer(self) -> None:
            self.send_response(site.status)
            for name, value in site.headers.items():
                self.send_header(name, value)
            if site.keeps:
                self.send_header("Content-Length", str(len(site.body)))
            self.end_headers()
            self.wfile.write(site.body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
