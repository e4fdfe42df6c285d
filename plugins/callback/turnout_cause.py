"""End a failed run with its first cause, since Ansible ends it with numbers.

A failed deploy reports many failures: the cause, what `any_errors_fatal` makes of it on the other
hosts, the revert, the `fail` that ends the rescue. The first one is what a person needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: turnout_cause
type: aggregate
short_description: End a failed run with its first cause and what to do about it
description:
  - Prints, after the recap, which host failed first, in which step, what came back and what to do.
  - Silent under ansible-runner, since C(invoke) tells the cause itself.
requirements:
  - Enable it in C(callbacks_enabled) of ansible.cfg.
"""

UNREACHABLE = (
    "check ansible_host, ansible_port, ansible_user and ansible_ssh_private_key_file of {host} "
    "in the inventory; is the machine up, and does sshd run there?"
)
NO_HOST = (
    "the inventory has no host in the group 'web'\nNext: name an environment: -i inventories/<env>"
)


def told(playbook: str, host: str, task: str, result: Mapping[str, Any]) -> str:
    """Return the words that end the run: host, step, what came back, what to do next."""
    items = [item for item in result.get("results", []) if item.get("failed")]
    found = items[0] if items else result
    message = str(found.get("cause") or found.get("msg") or "The task failed without a message.")
    message = message.partition("can be reached over ssh: ")[2] or message
    step = str(found.get("next_step") or "read the output of that step above")
    if result.get("unreachable"):
        message, step = f"The host cannot be reached: {message}", UNREACHABLE.format(host=host)
    lines = [f"  {line}" for line in message.splitlines() if line.strip()]
    folder = found.get("failure_folder")
    lines += [f"  Everything about it: {folder}"] if folder else []
    # On a host that waits for no other, one call goes through several phases.
    phase = str(found.get("phase") or "").capitalize()
    task += f", in {phase}" if phase and not task.startswith(phase) else ""
    return "\n".join([f"{playbook} failed on {host}: {task}", *lines, f"Next: {step}"])


class CallbackModule(CallbackBase):
    """Remembers the first failure, and shows it after the recap of a run that failed."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "turnout_cause"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        # Whoever runs us through ansible-runner, as `invoke` does, tells the cause itself.
        self.disabled = constants.DEFAULT_STDOUT_CALLBACK == "awx_display"
        self._playbook = ""
        self._first = ""
        self._nothing = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Remember which playbook runs."""
        self._playbook = Path(playbook._file_name).stem

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Remember the first task that failed."""
        if not ignore_errors:
            self._remember(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember the first host that could not be reached."""
        self._remember(result)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Remember that nothing was done: Ansible calls that a success."""
        self._nothing = f"{self._playbook} did nothing: {NO_HOST}"

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Show the cause, unless whatever failed was put right."""
        words = self._first if stats.failures or stats.dark else self._nothing
        if words:
            self._display.display(f"\n{words}", color=constants.COLOR_ERROR)

    def _remember(self, result: Any) -> None:
        host, task = result.host.get_name(), result.task.name
        self._first = self._first or told(self._playbook, host, task, result.result)
