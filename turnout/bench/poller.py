"""When is the new version served? Asked from outside, of the app itself, while a command runs.

It knows no deploy tool: it reads the app's version from its page, through the published port.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.bench.commands import Cost
from turnout.errors import TurnoutError

PAGE = "/identity"
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 5.0
# After the command has ended: some tools end before the app has restarted.
GRACE_SECONDS = 30.0
LONGEST_SECONDS = 600.0

Ask = Callable[[], str]


@dataclass
class Watch:
    """Asks again and again until a version answers, and counts what was no good answer."""

    ask: Ask
    version: str
    began: float = field(default_factory=time.monotonic)
    served: float | None = None
    failed: int = 0
    asked: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until the version is served, or the watch is over."""
        while not self._over.is_set() and time.monotonic() - self.began < LONGEST_SECONDS:
            self.asked += 1
            try:
                if self.ask() == self.version:
                    self.served = time.monotonic() - self.began
                    return
            except (OSError, ValueError, http.client.HTTPException):
                self.failed += 1
            self._over.wait(PAUSE_SECONDS)

    def end(self) -> None:
        """Stop asking."""
        self._over.set()


@dataclass(frozen=True)
class Served:
    """What a deploy took: the command, and the time until its version answered first.

    `failed` counts the poller's own requests that got no good answer until then.
    """

    cost: Cost
    seconds: float
    failed: int


def until_served(
    port: int, version: str, command: Callable[[], Cost], host: str = "localhost"
) -> Served:
    """Run ``command`` and return what it cost, and when ``version`` answered first.

    Args:
        port: of 127.0.0.1, where the site is published.
        version: what the command makes live.
        command: runs the whole deploy.
        host: the site's name.

    Raises:
        TurnoutError: the command failed, or ended well and its version never answered.
    """
    watch = Watch(lambda: ask(port, host), version)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        cost = command()
        thread.join(GRACE_SECONDS)
    finally:
        watch.end()
    if watch.served is None:
        raise TurnoutError(
            f"Version {version} was not served within {GRACE_SECONDS:.0f} s after its deploy.",
            cost.output[-2000:],
            f"look at http://127.0.0.1:{port}{PAGE}, Host {host}",
        )
    return Served(cost, watch.served, watch.failed)


def ask(port: int, host: str) -> str:
    """Return the version that answers for the site ``host``.

    Raises:
        OSError, ValueError, HTTPException: no good answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", PAGE, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ValueError(f"HTTP {answer.status}")
    return str(json.loads(body)["version"])
