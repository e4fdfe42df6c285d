"""The requests of the probe: through the host's own nginx, as a visitor's come."""

from __future__ import annotations

import contextlib
import select
import time
from typing import TYPE_CHECKING, Any

from . import health, releases, settle
from .health import Answer, Health
from .layout import Layout

if TYPE_CHECKING:
    from http.client import HTTPConnection

AGENT = "turnout-probe"


class Asker:
    """Asks for the health page, over a new connection and a kept one in turn."""

    def __init__(self, layout: Layout) -> None:
        known = settle.settings(layout)
        self._layout = layout
        self._port, self._tls = int(known.get("port", 80)), bool(known.get("tls", False))
        self._hostnames = known.get("hostnames", ())
        self._kept: HTTPConnection | None = None
        self._keeps = False
        self._known: dict[str, Health] = {}

    def ask(self, live: str) -> dict[str, Any]:
        """Ask once for the health page of the release that is live, and return the sample."""
        wanted, self._keeps = self._health(live), not self._keeps
        sent, began = time.time(), time.perf_counter()
        answer = self._over_kept(wanted) if self._keeps else self._over_new(wanted)
        ms = round((time.perf_counter() - began) * 1000, 2)
        by = answer.headers.get("X-Turnout-Release", "")
        problem = self._complaint(answer, wanted, by.partition("/")[2])
        return {"sent": sent, "ms": ms, "status": answer.status, "by": by, "problem": problem}

    def close(self) -> None:
        """End the kept connection."""
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def _over_new(self, wanted: Health) -> Answer:
        connection = health.public_connection(self._port, wanted, tls=self._tls)
        with contextlib.closing(connection):
            return health.ask(connection, wanted, {"User-Agent": AGENT, "Connection": "close"})

    def _over_kept(self, wanted: Health) -> Answer:
        if self._kept is None or _is_closed(self._kept):
            self._kept = health.public_connection(self._port, wanted, tls=self._tls)
        answer = health.ask(self._kept, wanted, {"User-Agent": AGENT})
        if answer.error:
            self.close()
        return answer

    def _complaint(self, answer: Answer, wanted: Health, answered: str) -> str:
        """Return what is wrong with an answer, by what the release that gave it calls healthy.

        Around a switch the other release may answer: what was asked for may be no page of it.
        """
        its_own = self._health(answered) if answered else wanted
        if answer.error or its_own.path == wanted.path:
            return health.complaint(answer, its_own) or ""
        return health.complaint(answer, wanted) or "" if answer.status >= 500 else ""

    def _health(self, release: str) -> Health:
        if release not in self._known:
            found = releases.find(self._layout, release)
            wanted = Health.from_settings(found.manifest["health"]) if found else Health()
            self._known[release] = health.through_nginx(wanted, self._hostnames)
        return self._known[release]


def _is_closed(connection: HTTPConnection) -> bool:
    """Say whether the server has ended a kept connection meanwhile, as a browser would see."""
    if connection.sock is None:
        return False
    if not select.select([connection.sock], [], [], 0)[0]:
        return False
    connection.close()
    return True
