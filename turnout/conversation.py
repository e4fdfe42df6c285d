"""A conversation with the host program of each host, over one SSH channel each, all at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from turnout import answers, ssh
from turnout.environment import Host
from turnout.reach import HostError

Entry = dict[str, Any]


class Lost(HostError):
    """Nothing is heard of a host any more, so what it does now is not known."""


class Conversation:
    """The program of one host, which answers each line that it is told with one of its own.

    Args:
        host: where.
        app: the app's name.
        words: the verb and its options.

    Raises:
        HostError: the host cannot be reached.
    """

    def __init__(self, host: Host, app: str, *words: str) -> None:
        self.host, self._app = host, app
        verb, *options = words
        program = [*ssh.PROGRAM, verb, "--app", app, *options]
        self._channel = ssh.session(host, program)
        self._answers = self._channel.makefile("r")

    def ask(self, line: Entry, timeout: float) -> Entry:
        """Tell the program something and return its answer, see `answer`."""
        try:
            self._tell(line)
        except Exception as error:
            raise self._lost(error) from error
        return self.answer(timeout)

    def answer(self, timeout: float) -> Entry:
        """Return the next thing that the program says.

        Args:
            timeout: seconds that it may take.

        Raises:
            HostError: that it failed and why; `Lost`, that nothing is heard of it.
        """
        self._channel.settimeout(timeout)
        try:
            text = self._answers.readline()
            errors = "" if text else self._errors()
        except TimeoutError as error:
            raise Lost(
                self.host.name,
                f"no answer within {timeout:.0f} s",
                next_step=f"look at the load of {self.host.name}: is it out of memory or disk?",
            ) from error
        except Exception as error:  # paramiko raises many kinds; none may keep others from answers
            raise self._lost(error) from error
        if not text and not errors:
            raise self._lost(EOFError("nothing more came from its program"))
        return answers.judged(self.host, text, errors, app=self._app)

    def give_up(self, line: Entry) -> None:
        """Tell the program a last thing, whether it is there to hear it or not."""
        with contextlib.suppress(Exception):
            self._channel.settimeout(1)
            self._tell(line)
        self.close()

    def close(self) -> None:
        """Say nothing more; the program ends by itself."""
        with contextlib.suppress(Exception):
            self._channel.close()

    def _tell(self, line: Entry) -> None:
        self._channel.sendall(json.dumps(line).encode() + b"\n")

    def _errors(self) -> str:
        return str(self._channel.makefile_stderr("r").read().decode(errors="replace"))

    def _lost(self, error: Exception) -> Lost:
        why = str(error) or type(error).__name__
        return Lost(self.host.name, "the connection was lost in the middle of it", why)


def with_all(
    talks: list[Conversation], step: Callable[[Conversation], Entry]
) -> dict[str, Entry | HostError]:
    """Return what a step came to with each host, by name, all of them at once.

    An interrupt ends all the conversations.
    """

    def attempt(talk: Conversation) -> Entry | HostError:
        try:
            return step(talk)
        except HostError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(talks))) as pool:
        try:
            found = list(pool.map(attempt, talks))
        except BaseException:
            for talk in talks:
                talk.close()
            raise
    return {talk.host.name: one for talk, one in zip(talks, found, strict=True)}
