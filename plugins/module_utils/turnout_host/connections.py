"""Connections to a slot's socket and to the host's own nginx."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

__all__ = ["HTTPConnection", "LoopbackTls", "UnixConnection"]


class UnixConnection(HTTPConnection):
    """HTTP over a slot's own socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class LoopbackTls(HTTPSConnection):
    """HTTPS to this host's nginx with the SNI of the public name."""

    def __init__(self, port: int, name: str, timeout: float) -> None:
        # The certificate belongs to the public name and may be any authority's: this
        # connection never leaves the host, and proves the release, not the peer.
        context = ssl._create_unverified_context()  # noqa: S323
        super().__init__("127.0.0.1", port, timeout=timeout, context=context)
        self._name = name
        self._ssl = context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._ssl.wrap_socket(plain, server_hostname=self._name)
