#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_revert
short_description: Put a host's traffic back to where it was before the running deploy
description:
  - Safe to repeat, and does nothing on a host that never switched or whose deploy has ended.
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: It restores what was.
options:
  app:
    description: The app's name.
    type: str
    required: true
  cause:
    description: Why, for the history.
    type: str
    required: true
  release:
    description: What the deploy deploys, if that is known; another deploy is left alone.
    type: str
  actor:
    description: Who deploys, for the history.
    type: str
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Revert
  turnout_revert:
    app: hello
    cause: web2 did not become healthy
"""

RETURN = r"""
live:
  description: The slot that takes traffic now, or null.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import splits
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.switch import revert
from ansible.module_utils.turnout_host.units import Slots
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "cause": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "actor": {"type": "str", "default": ""},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Revert the running deploy."""
    if module.check_mode:
        return {"changed": False, "live": splits.live_slot(layout)}
    cause, release = module.params["cause"], module.params["release"]
    return revert(layout, Slots(layout), cause, release, actor=module.params["actor"] or None)


if __name__ == "__main__":
    run_phase("revert", OPTIONS, action)
