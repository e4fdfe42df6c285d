"""wrk, the load generator: started inside the VM against its own loopback, and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from turnout.bench.vm import Machine
from turnout.errors import TurnoutError

FILES = Path(__file__).with_name("files")
THREADS, CONNECTIONS = 2, 32
LONGEST_SECONDS = 30
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_INSTALL = (
    "command -v wrk >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive "
    "apt-get -qqy install --no-install-recommends wrk >/dev/null; }"
)


@dataclass(frozen=True)
class Outcome:
    """What one run of the load counted; `processor_us` is what a request took of nginx and app."""

    per_second: float
    median_ms: float
    p99_ms: float
    requests: int
    failed: int
    processor_us: float


def install(machine: Machine) -> None:
    """Have wrk on the VM.

    Raises:
        TurnoutError: Debian's package cannot be installed there.
    """
    try:
        machine.do(_INSTALL)
    except TurnoutError as error:
        raise TurnoutError(
            f"There is no load generator on {machine.name}.",
            error.why,
            "wrk is a package of Debian: the VM must reach a mirror",
        ) from error


def load(machine: Machine, port: int, host: str, path: str, seconds: int) -> Outcome:
    """Load one site of the VM from within it.

    Args:
        machine: the VM.
        port: of its 127.0.0.1.
        host: the site's name.
        path: what is asked for.
        seconds: how long.

    Raises:
        TurnoutError: wrk fails, or counted nothing.
        ValueError: it would take too long.
    """
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"at most {LONGEST_SECONDS} s")
    options = f"-t{THREADS} -c{CONNECTIONS} -d{seconds}s --latency --timeout 10s"
    words = f"python3 - {options} -H 'Host: {host}' http://127.0.0.1:{port}{path}"
    return parse(machine.do(words, text=(FILES / "load.py").read_text()))


def parse(text: str) -> Outcome:
    """Return what wrk printed, in numbers.

    Raises:
        TurnoutError: it is no report of wrk.
    """
    try:
        requests = int(_found(r"(\d+) requests in", text))
        processor = float(_found(r"Processor seconds: ([\d.]+)", text))
        return Outcome(
            per_second=float(_found(r"Requests/sec:\s+([\d.]+)", text)),
            median_ms=_milliseconds(_found(r"50%\s+([\d.]+\w+)", text)),
            p99_ms=_milliseconds(_found(r"99%\s+([\d.]+\w+)", text)),
            requests=requests,
            failed=_failed(text),
            processor_us=processor / max(requests, 1) * 1e6,
        )
    except LookupError as error:
        raise TurnoutError("wrk has counted nothing", text, "is the site up?") from error


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise LookupError(pattern)
    return found[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]


def _failed(text: str) -> int:
    """Return answers that were no success, and every kind of broken connection."""
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return sum(
        map(int, (*(refused.groups() if refused else ()), *(broken.groups() if broken else ())))
    )
