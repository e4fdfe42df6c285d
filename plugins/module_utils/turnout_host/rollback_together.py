"""A rollback of this host beside others: it goes through each phase when its controller says so.

The controller writes a line of JSON for each phase, and reads one for each that has ended. The
program runs all the while: what hosts wait for is each other, and not one more connection, and one
more start of a program, for each phase. Where the controller is heard of no more before the commit,
the host goes back at once; where this program dies itself, the lease ends, as in a deploy.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from .rollback_steps import Steps

Result = dict[str, Any]
GONE = "the controller of the rollback was heard of no more"


def roll_back(steps: Steps, lines: Iterable[str], say: Callable[[Result], None]) -> Result:
    """Say where this host would go, then do what the lines ask for.

    Args:
        steps: the rollback, which has not begun.
        lines: each names a ``phase`` and the ``lease`` that it runs under: `rollback_steps.PHASES`
            one after another. Or ``revert``, with the ``cause``, as the last one.
        say: is given the target, and what each phase has come to.

    Returns:
        What the rollback has come to, or that the host went back.

    Raises:
        HostFailure: a phase failed, and the traffic is where it was before.
    """
    say(steps.target)
    for line in lines:
        try:
            asked = json.loads(line)
        except ValueError:
            break  # torn: whoever wrote it died
        if asked["phase"] == "revert":
            return steps.back(asked["cause"])
        result = steps.take(asked["phase"], asked["lease"])
        # Who does not hear of it will not say the next line either, and after the commit nothing
        # is left to be heard.
        with contextlib.suppress(OSError):
            say(steps.outcome if asked["phase"] == "commit" else result)
    return steps.outcome if "commit" in steps.done else steps.back(GONE)
