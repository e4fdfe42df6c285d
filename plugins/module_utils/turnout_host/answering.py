"""The answer to a controller's call: a phase's result, or its failure in words."""

from __future__ import annotations

import errno
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from . import phases, releases
from .errors import HostFailure
from .layout import Layout
from .units import UNPACKED, Slots

Result = dict[str, Any]
_CHUNK_BYTES = 2**20

# Where a deploy writes; what of these share a file system shows the same space.
DISKS = ("/srv", "/var/lib", "/tmp")  # noqa: S108


def answer() -> int:
    """Answer a controller: a phase's result, or its failure in words.

    Standard input is one line of JSON, and behind it what was shipped, unless the line says
    in which file that is. A host that waits for no other does what follows at once (``then``).
    """
    question = json.loads(sys.stdin.buffer.readline())
    layout, check, phase = Layout(question["app"]), question["check"], question["phase"]
    parameters = question["parameters"]
    try:
        _check_version(question["program"])
        with _shipped(question["shipped"]) as shipped:
            steps = [phases.run(phase, layout, parameters, check=check, shipped=shipped)]
        for following in question["then"]:
            phase, parameters = following["phase"], following["parameters"]
            steps.append(phases.run(phase, layout, parameters, check=check))
        result = together(steps)
    except (HostFailure, OSError) as error:
        failure = as_failure(error)
        result = {"failed": True, "phase": phase, **failure.as_result()}
        result |= explained(layout, phase, parameters.get("release") or "", failure)
    # To its end, or whoever still sends it takes the host for gone.
    while sys.stdin.buffer.read(_CHUNK_BYTES):
        pass
    print(json.dumps(result))
    return 0


def explained(layout: Layout, phase: str, release: str, failure: HostFailure) -> Result:
    """Return the failure bundle where a release that is on this host failed."""
    if not release or releases.find(layout, release) is None:
        return {}
    from . import failure_bundle  # a call that goes well does without it

    failed = failure_bundle.Failed(layout, Slots(layout), release, phase, failure)
    return {"failure_bundle": failure_bundle.collect(failed)}


def together(steps: list[Result]) -> Result:
    """Return the result of phases that ran one after another: the first one's, and all of them."""
    if len(steps) == 1:
        return steps[0]
    return {
        **steps[0],
        "changed": any(step["changed"] for step in steps),
        "seconds": round(sum(step["seconds"] for step in steps), 3),
        "diff": [step["diff"] for step in steps if "diff" in step],
        "steps": [{"phase": step["phase"], "seconds": step["seconds"]} for step in steps],
    }


def _shipped(where: str) -> AbstractContextManager[BinaryIO | None]:
    """Return what was shipped: nothing, what follows on standard input (``-``), or a file."""
    if not where:
        return nullcontext()
    return nullcontext(sys.stdin.buffer) if where == "-" else Path(where).open("rb")


def _check_version(wanted: str) -> None:
    """Refuse a controller of another version: both have to mean the same by a phase."""
    if _running() != wanted:
        raise HostFailure(
            "the host program is of another version than this controller",
            "run `invoke provision --env <env>` (or playbooks/provision.yml) first",
        )


def _running() -> str:
    folder = Path(__file__).parents[1].name
    if folder.startswith(UNPACKED):
        return folder.removeprefix(UNPACKED)
    from . import program  # it runs from the zip file, which no provision leaves behind

    return program.version()


def as_failure(error: HostFailure | OSError) -> HostFailure:
    """Return what is told of an error: a failure as it is, one of the system in words."""
    return error if isinstance(error, HostFailure) else from_os_error(error)


def from_os_error(error: OSError) -> HostFailure:
    """Return what the operating system refused, in words."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        import shutil

        free = [f"{shutil.disk_usage(disk).free >> 20} MiB in {disk}" for disk in DISKS]
        return HostFailure(
            f"a disk of the host is full: {error.strerror}{where}; free now: {', '.join(free)}",
            "make room on the host, then run the command again; nothing of the failed try is left",
        )
    return HostFailure(
        f"{error.strerror or error}{where}",
        "mend the permissions or the disk of the host, then run the command again",
    )
