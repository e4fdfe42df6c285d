"""The probe: asks the site while a deploy goes on, in a unit of its own that outlives everybody."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from pathlib import Path

from . import journal, receipt, receipts, recording, units
from .errors import HostFailure
from .layout import Layout

# A switch waits so long for the first request before it, and does not insist.
FIRST_SECONDS = 0.3


def start(layout: Layout, rate: float, run: units.Run = units.run) -> None:
    """Begin to measure the running deploy, unless somebody does; no deploy fails for that.

    Args:
        rate: requests a second around the switch; 0 for none.
    """
    begun = journal.running(layout)
    if begun is None or recording.path(layout, begun).exists():
        return
    with suppress(OSError, HostFailure):
        file = recording.create(layout, begun, rate)
        if rate > 0:
            unit = f"turnout-probe-{layout.app}-{file.stem}"
            run([
                "systemd-run", "--quiet", "--collect", f"--unit={unit}",
                *units.HOST_PROGRAM, "probe", "--app", layout.app,
                "--recording", file.name,
            ], check=False)  # fmt: skip


def wait_for_first(layout: Layout) -> None:
    """Wait for a request from before the switch, if there is somebody to answer it."""
    begun = journal.running(layout)
    if begun is None or not layout.live.is_symlink():
        return
    file, deadline = recording.path(layout, begun), time.monotonic() + FIRST_SECONDS
    while time.monotonic() < deadline:
        try:
            recorded = recording.read(file)
        except (OSError, ValueError):
            return
        if recorded.samples or not recorded.head["rate"]:
            return
        time.sleep(0.01)


def run(layout: Layout, name: str) -> receipt.Receipt:
    """Ask until the deploy has settled, or was gone back from; then write the receipt.

    Args:
        name: of the recording.
    """
    from . import follow  # who only starts it does without
    from .asking import Asker

    file = layout.receipts / Path(name).name
    # No fsync: the probe must not disturb what it measures.
    with closing(Asker(layout)) as asker, file.open("a", buffering=1) as lines:

        def note(entry: recording.Entry) -> None:
            lines.write(json.dumps(entry) + "\n")

        following = follow.Follower(layout, recording.read(file), note)
        while not following.is_over:
            began = time.monotonic()
            following.look()
            # Before a first deploy nobody answers, and nobody has failed.
            if following.live:
                note(asker.ask(following.live))
            time.sleep(max(0.0, began + 1 / following.rate - time.monotonic()))
    receipts.finish_those_left(layout, file)
    return receipts.finish(layout, file)


def conclude(layout: Layout, begun: recording.Entry) -> receipt.Receipt:
    """Return the receipt so far of a deploy that has ended; without a probe that is all of it."""
    made = receipts.of(layout, begun)
    file = recording.path(layout, begun)
    if made["rate"] == 0 and file.exists():
        return receipts.finish(layout, file)
    return made
