"""Say what the probe of each host has seen, when it commits: a task for that would take longer."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: turnout_receipt
type: aggregate
short_description: Say what a deploy came to for those who asked meanwhile
description:
  - Prints one line for each host that has committed a release or gone back, with the figures of its
    receipt so far.
  - Silent under ansible-runner, since C(invoke) tells them itself.
requirements:
  - Enable it in C(callbacks_enabled) of ansible.cfg.
"""


class CallbackModule(CallbackBase):
    """Shows the words of a receipt as they come."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "turnout_receipt"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.disabled = constants.DEFAULT_STDOUT_CALLBACK == "awx_display"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Show the receipt of a result that has one."""
        told = result.result
        if "receipt" in told and "words" in told:
            self._display.display(f"{result.host.get_name()}: {told['words']}")
