"""The host program: what must not wait for Ansible, and what the host does by itself.

``python3 /usr/local/lib/turnout/host.pyz VERB --app NAME`` prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from . import rollback, settle, state
from .errors import HostFailure
from .layout import SLOTS, Layout
from .lock import exclusive
from .units import Slots

Result = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run one verb; return the exit code (0 done, 1 failed, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    layout = Layout(arguments.app)
    verb: Callable[[Layout, Slots, argparse.Namespace], Result] = arguments.verb
    try:
        result = verb(layout, Slots(layout), arguments)
    except (HostFailure, OSError) as error:
        failure = error if isinstance(error, HostFailure) else from_os_error(error)
        print(json.dumps({"error": failure.cause, **failure.as_result()}))
        return 1
    print(json.dumps(result))
    return 0


def from_os_error(error: OSError) -> HostFailure:
    """Return what the operating system refused, in words."""
    where = f" ({error.filename})" if error.filename else ""
    return HostFailure(
        f"{error.strerror or error}{where}",
        "make room or mend the permissions on the host, then run the command again",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="host.pyz", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--app", required=True, help="the app's name")
    for verb, help_text in (
        (_status, "what is live, in which slot"),
        (_rollback, "give the traffic to an earlier verified release"),
        (_boot, "start what is live, after a boot"),
        (_settle, "drain and stop a slot that is not live, and prune"),
    ):
        name = verb.__name__.removeprefix("_")
        command = verbs.add_parser(name, parents=[common], help=help_text)
        command.set_defaults(verb=verb)
        if verb is _rollback:
            command.add_argument("--release", help="default: the verified one before the live one")
        if verb is _settle:
            command.add_argument("--slot", choices=SLOTS, required=True)
    return parser


def _status(layout: Layout, slots: Slots, _arguments: argparse.Namespace) -> Result:
    return state.state(layout, slots)


def _rollback(layout: Layout, slots: Slots, arguments: argparse.Namespace) -> Result:
    with exclusive(layout, wait_seconds=5):
        name = rollback.target(layout, arguments.release)
        drain_seconds = float(settle.settings(layout).get("drain_seconds", 60))
        return rollback.rollback(layout, slots, name, drain_seconds=drain_seconds)


def _boot(layout: Layout, slots: Slots, _arguments: argparse.Namespace) -> Result:
    return {"started": settle.boot(layout, slots)}


def _settle(layout: Layout, slots: Slots, arguments: argparse.Namespace) -> Result:
    with exclusive(layout, wait_seconds=600):
        return {"stopped": settle.settle(layout, slots, arguments.slot)}


if __name__ == "__main__":
    sys.exit(main())
