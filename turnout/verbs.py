"""The decorator behind every verb: runs it in the repository, shows errors without a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, overload

from invoke.exceptions import Exit
from invoke.tasks import Task

from turnout import github, ssh_agent
from turnout.errors import NOT_HERE, NotHere, TurnoutError
from turnout.paths import REPOSITORY

Body = Callable[..., Any]
Verb = Task[Any]

HELP = {
    "env": "Environment to act on: a folder below inventories/.",
    "canary": "Shares of the traffic that it goes through first, in percent, such as 5,25,50.",
    "wait": "Seconds to wait for somebody else's deploy to end; none by default.",
    "batch": "How many hosts switch at a time, such as 1, or which share, such as 25%.",
    "yes": "Do not ask.",
    "from_": "Environment that has verified what is live there.",
    "to": "Environment that gets it.",
    "check": "Show what would change and change nothing.",
    "release": "A release by its name; `status` lists them.",
    "json": "Print one JSON document and nothing else.",
    "dirty": "Allow changes that are not committed.",
    "no_tests": "Leave out the app's own tests.",
    "runs": "How often each command is measured.",
    "host": "Only this host.",
    "python": "A version of Python, such as 3.12; the running one by default.",
    "scenario": "One scenario of molecule/; all by default.",
    "volumes": "Their volumes as well.",
    "job": "One job of the workflow; all by default.",
}


def _coloured(text: str) -> str:
    """Return ``text`` with its first line in red where a person reads it."""
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        return text
    first, rest = text.partition("\n")[::2]
    return f"\x1b[1;31m{first}\x1b[0m\n{rest}"


@overload
def verb(function: Body, /) -> Verb: ...
@overload
def verb(*, name: str) -> Callable[[Body], Verb]: ...
def verb(function: Body | None = None, /, *, name: str = "") -> Verb | Callable[[Body], Verb]:
    """Make a function an invoke task; a flag gets the same help wherever it appears.

    A `TurnoutError` becomes its words on standard error and exit code 1, or 75 for `NotHere`.

    Args:
        function: what the verb does; its docstring is its help.
        name: the verb, where the function is called otherwise.
    """
    if function is None:
        return lambda body: _task(body, name)
    return _task(function, name)


def _task(function: Body, name: str) -> Verb:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        os.chdir(REPOSITORY)  # ansible.cfg and the vault client are found from here
        try:
            ssh_agent.start_if_asked()
            return function(*args, **kwargs)
        except TurnoutError as error:
            sys.stdout.flush()  # the cause comes last, also in a pipe
            github.annotate(str(error), title=error.what)
            code = NOT_HERE if isinstance(error, NotHere) else 1
            raise Exit(_coloured(str(error)), code=code) from None

    code = function.__code__
    flags = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    told = {flag: HELP[flag] for flag in flags if flag in HELP}
    return Task(run, name=name or None, help=told)
