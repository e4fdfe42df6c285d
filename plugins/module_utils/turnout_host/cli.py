"""The host program: what must not wait for Ansible, and what the host does by itself.

``python3 /usr/local/lib/turnout/host.pyz VERB --app NAME`` prints one JSON document. Each verb
loads what it needs when it is asked for: the watch runs every few seconds while a deploy goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import lease
from .errors import HostFailure
from .layout import SLOTS, Layout
from .lock import Busy, exclusive
from .units import Slots

Result = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run one verb; return the exit code (0 done, 1 failed, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    if arguments.name == "call":
        from .answering import answer

        return answer()
    layout = Layout(arguments.app)
    verb: Callable[[Layout, Slots, argparse.Namespace], Result] = arguments.verb
    try:
        result = verb(layout, Slots(layout), arguments)
    except (HostFailure, OSError) as error:
        from .answering import as_failure

        failure = as_failure(error)
        told = failure.as_result()
        print(json.dumps({"error": told["cause"], **told, **failure.bundle}))
        return 1
    print(json.dumps(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="host.pyz", description=__doc__)
    verbs = parser.add_subparsers(required=True, dest="name", metavar="VERB")
    verbs.add_parser("call", help="a phase for a controller: JSON on standard input")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--app", required=True, help="the app's name")
    for verb, help_text in (
        (_status, "what is live, in which slot"),
        (_audit, "what is not as it was shipped"),
        (_rollback, "give the traffic to an earlier verified release"),
        (_boot, "start what is live, after a boot"),
        (_watch, "go back if the owner of a deploy is dead"),
        (_recover, "put right what a dead deploy left"),
        (_settle, "drain and stop a slot that is not live, and prune"),
        (_probe, "ask the site while a deploy goes on, and write its receipt"),
        (_receipt, "what the latest deploy or rollback came to for those who asked"),
    ):
        name = verb.__name__.removeprefix("_")
        command = verbs.add_parser(name, parents=[common], help=help_text)
        command.set_defaults(verb=verb)
        if verb is _rollback:
            command.add_argument("--release", help="default: the verified one before the live one")
            command.add_argument("--owner", default="the host program", help="who asks")
            command.add_argument(
                "--current-env",
                action="store_true",
                help="with the live release's env, not the inventory's",
            )
            command.add_argument("--force", action="store_true", help="whatever the schema")
            command.add_argument("--explain", action="store_true", help="tell all of a failure")
            command.add_argument("--wait", type=float, default=0, help="seconds, for another one")
            command.add_argument(
                "--together", action="store_true", help="phase by phase, as told on standard input"
            )
        if verb is _recover:
            command.add_argument("--dead", action="append", default=[], help="an owner that died")
            command.add_argument("--force", action="store_true", help="whoever holds the lease")
        if verb is _settle:
            command.add_argument("--slot", choices=SLOTS, required=True)
        if verb is _probe:
            command.add_argument("--recording", required=True, help="a file in receipts/")
    return parser


def _status(layout: Layout, slots: Slots, _arguments: argparse.Namespace) -> Result:
    from . import state

    return state.state(layout, slots)


def _audit(layout: Layout, _slots: Slots, _arguments: argparse.Namespace) -> Result:
    from . import audit

    # It reads every file of every release, beside an app that serves.
    os.nice(10)
    return audit.audit(layout)


def _rollback(layout: Layout, _slots: Slots, arguments: argparse.Namespace) -> Result:
    from . import answering, rollback_alone, rollback_steps, rollback_together
    from .journal import ROLLBACK

    steps = rollback_steps.Steps(
        layout,
        arguments.release,
        with_current_env=arguments.current_env,
        force=arguments.force,
    )
    try:
        if arguments.together:
            return rollback_together.roll_back(steps, sys.stdin, _say)
        return rollback_alone.roll_back(steps, owner=arguments.owner, wait_seconds=arguments.wait)
    except (HostFailure, OSError) as error:
        failure = answering.as_failure(error)
        if arguments.explain and steps.has_begun:
            name = steps.target["rollback_to"]
            failure.bundle = answering.explained(layout, ROLLBACK, name, failure)
        raise failure from error


def _say(result: Result) -> None:
    print(json.dumps(result), flush=True)


def _watch(layout: Layout, slots: Slots, _arguments: argparse.Namespace) -> Result:
    held = lease.read(layout)
    if held and not held.is_over:  # nearly every look of a deploy ends here
        return {"held": True, "reverted": False}
    from . import watch

    try:
        with exclusive(layout, wait_seconds=0):
            return watch.look(layout, slots)
    except Busy:
        # A call of the deploy is working: nobody is dead.
        return {"held": True, "reverted": False}


def _recover(layout: Layout, slots: Slots, arguments: argparse.Namespace) -> Result:
    from . import watch

    claim = lease.Claim("", dead=tuple(arguments.dead))
    with exclusive(layout):
        if not arguments.force:
            lease.refuse_others(layout, claim)
        return watch.recover(layout, slots)


def _boot(layout: Layout, slots: Slots, _arguments: argparse.Namespace) -> Result:
    from . import boot

    return {"started": boot.boot(layout, slots)}


def _settle(layout: Layout, slots: Slots, arguments: argparse.Namespace) -> Result:
    # A deploy may replace the program while it waits: it loads first what its end needs.
    from . import pruning, settle  # noqa: F401

    settle.wait(layout, arguments.slot)
    with exclusive(layout, wait_seconds=600):
        return {"stopped": settle.settle(layout, slots, arguments.slot)}


def _probe(layout: Layout, _slots: Slots, arguments: argparse.Namespace) -> Result:
    from . import picture, probe, receipt  # noqa: F401 as for a settle

    return {"said": receipt.words(probe.run(layout, arguments.recording))}


def _receipt(layout: Layout, _slots: Slots, _arguments: argparse.Namespace) -> Result:
    from . import receipt, receipts

    found = receipts.latest(layout)
    return {**found, "words": receipt.words(found)}


if __name__ == "__main__":
    sys.exit(main())
