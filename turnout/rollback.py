"""Back to an earlier release, all hosts or none: past Ansible, or by the playbook.

The hosts' own programs know all of it but what is the playbook's: hooks, the webhook, baking, and
one batch of hosts after another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from turnout import openssh, receipt, recover, status, timings
from turnout.deploy import judge
from turnout.environment import Environment
from turnout.errors import TurnoutError
from turnout.inventory import load
from turnout.playbooks import run
from turnout.progress import Progress
from turnout.view import LiveView, PlainView, seconds_line, shown

# The run, and what is live on each host after it.
Done = tuple[Progress, list[dict[str, Any]]]


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
        return words + (["--force"] if self.force else [])

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
    started = time.monotonic()
    by_playbook = environment.needs_playbook or bool(wish.batch)
    with shown(f"rollback of {environment.app} in {environment.name}") as view:
        conduct = _by_playbook if by_playbook else _past_ansible
        progress, live = conduct(environment, wish, view)
    for entry in live:
        print(f"{entry['host']}: {status.in_words(entry)}")
    for line in receipt.kept(environment, progress.receipts):
        print(line)
    print(f"{time.monotonic() - started:.1f} s: {seconds_line(progress.seconds)}")


def _past_ansible(environment: Environment, wish: Wish, view: PlainView | LiveView) -> Done:
    from turnout.rollback_together import Together

    together = Together(environment, wish.words(), wish.wait, view)
    try:
        live = together.run()
    except TurnoutError:
        view.finish(together.progress)
        for line in receipt.kept(environment, together.progress.receipts):
            print(line)
        raise
    finally:
        timings.store(environment.name, "rollback", together.progress)
    view.finish(together.progress)
    return together.progress, live


def _by_playbook(environment: Environment, wish: Wish, view: PlainView | LiveView) -> Done:
    for host in environment.hosts:
        openssh.connect_ahead(host)
    result = run("rollback", environment.name, listener=view, variables=wish.variables())
    view.finish(result.progress)
    timings.store(environment.name, "rollback", result.progress)
    if result.cancelled:
        recover.after_cancel(environment)
    judge(result, environment, check=False)
    return result.progress, status.after(environment, result.progress.states)
