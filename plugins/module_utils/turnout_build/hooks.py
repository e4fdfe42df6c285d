"""A team's own command at a point of a deploy, with the deploy in its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import tools


@dataclass(frozen=True)
class Ran:
    """How a hook ended: its output, and what went wrong, '' if nothing did."""

    problem: str
    output: str


def run(command: str, *, folder: Path, variables: Mapping[str, str], timeout: float) -> Ran:
    """Run a hook through the shell, with no standard input.

    Args:
        command: for `/bin/sh -ec`.
        folder: where it runs.
        variables: what its environment has besides this process's own.
        timeout: seconds after which it is killed, with all that it has started.
    """
    done = tools.run_long(
        ["/bin/sh", "-ec", command],
        on_line=lambda _line: None,
        timeout=timeout,
        cwd=folder,
        env=variables,
    )
    return Ran(done.problem(timeout), done.output)
