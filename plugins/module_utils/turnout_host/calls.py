"""What a phase is asked, and what phases share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

from . import lease
from .errors import HostFailure
from .layout import Layout
from .lock import exclusive
from .units import Slots

Parameters = dict[str, Any]
Result = dict[str, Any]


class Call(NamedTuple):
    """One phase asked for on this host; ``check`` changes nothing.

    Args:
        shipped: a file that came with the call.
    """

    layout: Layout
    slots: Slots
    parameters: Parameters
    check: bool
    shipped: BinaryIO | None = None

    @property
    def claim(self) -> lease.Claim:
        """What the call says of the lease."""
        said = self.parameters["lease"]
        dead = tuple(said.get("dead", ()))
        return lease.Claim(
            token=said["token"],
            owner=said.get("owner", ""),
            reason=said.get("reason", ""),
            dead=dead,
            continues=bool(said.get("continues")),
        )

    @property
    def lease_seconds(self) -> float:
        """How long the host waits for the next call before it takes the owner for dead."""
        return float(self.parameters["lease"]["seconds"])

    def go_on(self) -> None:
        """Renew the lease in the middle of a call that holds no lock.

        Raises:
            HostFailure: it is not this deploy's any more.
        """
        with exclusive(self.layout):
            lease.renew(self.layout, self.claim.token, self.lease_seconds)


Phase = Callable[[Call], Result]


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Have ``work`` done while the block runs; where it failed, that is the cause."""
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    try:
        yield
    except HostFailure:
        thread.join()
        if not failed:
            raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


def told(*questions: Callable[[], Result]) -> Result:
    """Return what can be told of what has happened: nothing is undone for a question about it."""
    answers: Result = {}
    for question in questions:
        with suppress(HostFailure, OSError, ValueError):
            answers |= question()
    return answers


def difference(old: str, new: str) -> dict[str, str]:
    """Return what `--diff` shows."""
    return {"before": old, "after": new}
