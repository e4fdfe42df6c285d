"""Back to an earlier release: of one host over SSH at once, of several by the playbook.

One host needs no barrier, and its own program does all of it in one call, unless the team has
hooks or lets a release bake: those are the playbook's. Of several hosts all go back, or none.
"""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass
from typing import Any

from turnout import openssh, receipt, recover, status, timings
from turnout.deploy import judge
from turnout.inventory import Environment, load
from turnout.paths import use_library
from turnout.playbooks import run
from turnout.view import seconds_line, shown


@dataclass(frozen=True)
class Wish:
    """Where to go back to, and how.

    Args:
        release: its name; empty for the verified one before the live one.
        current_env: with the live release's environment and configuration files.
        force: though the release does not know the schema of the database.
        wait: seconds to wait for somebody else's deploy to end.
        batch: how many hosts at a time, or which share; empty for what the settings say.
    """

    release: str = ""
    current_env: bool = False
    force: bool = False
    wait: int = 0
    batch: str = ""

    def words(self) -> list[str]:
        """Return the options of the host program."""
        words = ["--release", self.release] if self.release else []
        words += ["--current-env"] if self.current_env else []
        words += ["--force"] if self.force else []
        return words + (["--wait", str(self.wait)] if self.wait else [])

    def variables(self) -> dict[str, Any]:
        """Return the variables of the playbook."""
        known = {
            "release_rollback_to": self.release,
            "release_rollback_current_env": self.current_env,
            "release_rollback_force": self.force,
            "release_wait_seconds": self.wait,
            "app_batch": self.batch,
        }
        return {name: value for name, value in known.items() if value}


def rollback(env: str, wish: Wish) -> None:
    """Switch every host of ``env`` back, and say what is live then.

    Raises:
        TurnoutError: nothing moved, or everything is back where it was; the message says why.
    """
    environment = load(env)
    if len(environment.hosts) == 1 and not environment.needs_playbook:
        _alone(environment, wish)
    else:
        _fleet(environment, wish)


def _alone(environment: Environment, wish: Wish) -> None:
    from turnout import ssh

    (host,) = environment.hosts
    words = ["rollback", "--owner", _owner(), "--explain", *wish.words()]
    timeout = environment.rollback_seconds + wish.wait
    answer = ssh.program(host, environment.app, *words, timeout=timeout)
    print(f"{host.name}: {answer['release']} is live ({answer['live']})")
    seen = {host.name: answer["receipt"]} if answer.get("receipt") else {}
    for line in receipt.kept(environment, seen):
        print(line)


def _owner() -> str:
    use_library()
    from turnout_build import owner

    return str(owner.name(getpass.getuser(), os.getpid()))


def _fleet(environment: Environment, wish: Wish) -> None:
    started = time.monotonic()
    with shown(f"rollback of {environment.app} in {environment.name}") as view:
        for host in environment.hosts:
            openssh.connect_ahead(host)
        status.get_ready(environment)
        result = run("rollback", environment.name, listener=view, variables=wish.variables())
        view.finish(result.progress)
    timings.store(environment.name, "rollback", result.progress)
    if result.cancelled:
        recover.after_cancel(environment)
    judge(result, environment, check=False)
    for entry in status.ask(environment):
        print(f"{entry['host']}: {status.in_words(entry)}")
    for line in receipt.kept(environment, result.progress.receipts):
        print(line)
    print(f"{time.monotonic() - started:.1f} s: {seconds_line(result.progress.seconds)}")
