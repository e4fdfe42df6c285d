"""One call at a time on an app of a host, by a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import HostFailure
from .layout import Layout

LOCK_SECONDS = 60.0


class Busy(HostFailure):
    """Somebody else works on the app on this host, and did not end in time."""


@contextmanager
def exclusive(layout: Layout, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the app's lock for the duration of the block.

    flock(2) is released by the kernel when its holder dies, so no killed
    deploy ever leaves a lock behind.

    Raises:
        Busy: if somebody else holds it for longer than ``wait_seconds``.
    """
    handle = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, layout.app, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, app: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy(
                    f"another deploy or rollback of {app} is working on this host",
                    "wait until it has ended, then run the command again",
                ) from None
            time.sleep(0.1)
        else:
            return
