"""Load for a VM of the lab: clients that remember every request and whatever went wrong with it.

Independent of what it watches: it knows HTTP and no release tool. Only 127.0.0.1 is a target, and a
run ends by itself. From the command line, until `stop` exists:

    python -m tests.lab.load http://127.0.0.1:18080 --seconds 60 --stop-file stop --report load.json
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.lab.load_client import Client, Limits, Target
from tests.lab.load_report import Request, report

LONGEST_SECONDS = 1800.0
MOST_CLIENTS = 64
# More would take the processor from the VMs, which share the machine, and show no more of a switch.
BUSY_PAUSE_SECONDS = 0.1
QUIET_PAUSE_SECONDS = 0.5
RARE_PAUSE_SECONDS = 3.0


class Load:
    """Clients that run while the ``with`` block does.

    Args:
        url: ``http://127.0.0.1:<port>``.
        host: the Host header.
        keep: how many clients keep their connection.
        close: how many make a new connection for each request.
        quiet: how many ask only twice a second, as the visitors of a small site do.
        rare: how many ask once in three seconds, longer than nginx keeps a connection to a slot.
        pause: of the first two kinds between two requests, in seconds.
        seconds: ends the run by itself.
        most: the number of requests after which it ends by itself.

    Raises:
        ValueError: for a target that is not this machine, or limits that are none.
    """

    def __init__(
        self,
        url: str,
        *,
        host: str = "localhost",
        keep: int = 6,
        close: int = 6,
        quiet: int = 1,
        rare: int = 0,
        pause: float = BUSY_PAUSE_SECONDS,
        seconds: float = 600.0,
        most: int = 500_000,
    ) -> None:
        if (
            not 0 < seconds <= LONGEST_SECONDS
            or not 0 < keep + close + quiet + rare <= MOST_CLIENTS
        ):
            raise ValueError(f"at most {LONGEST_SECONDS:.0f} s and {MOST_CLIENTS} clients")
        self.limits = Limits(seconds=seconds, most=most)
        target = Target.from_url(url, host)
        kinds = [
            ("keep", keep, True, True, pause),
            ("close", close, False, True, pause),
            ("quiet", quiet, True, False, QUIET_PAUSE_SECONDS),
            ("rare", rare, True, False, RARE_PAUSE_SECONDS),
        ]
        self.clients = [
            Client(f"{kind}-{number}", target, self.limits, keeps=keeps, posts=posts, pause=between)
            for kind, count, keeps, posts, between in kinds
            for number in range(1, count + 1)
        ]
        self._threads = [threading.Thread(target=client.run) for client in self.clients]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.limits.stop()
        for thread in self._threads:
            thread.join()

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order in which they were sent."""
        everything = [request for client in self.clients for request in client.requests.copy()]
        return sorted(everything, key=lambda request: request.sent)


def main() -> None:
    """Run load until a file appears or the time is over, then write the report."""
    arguments = _arguments()
    load = Load(
        arguments.url,
        host=arguments.host,
        keep=arguments.keep,
        close=arguments.close,
        quiet=arguments.quiet,
        seconds=arguments.seconds,
    )
    with load:
        while not (load.limits.over or arguments.stop_file.exists()):
            time.sleep(0.1)
    arguments.report.write_text(json.dumps(report(load.requests), indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="http://127.0.0.1:<port>")
    parser.add_argument("--host", default="localhost", help="the Host header")
    parser.add_argument("--keep", type=int, default=4, help="clients that keep their connection")
    parser.add_argument("--close", type=int, default=4, help="clients that do not")
    parser.add_argument("--quiet", type=int, default=1, help="clients that ask twice a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest time it runs")
    parser.add_argument("--stop-file", type=Path, required=True, help="ends the run")
    parser.add_argument("--report", type=Path, required=True, help="where the result goes, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
