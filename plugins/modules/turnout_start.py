#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_start
short_description: Run a release in the idle slot until it is healthy
description:
  - Drains and stops what the idle slot ran before, starts the release there, waits for a
    healthy answer over the slot's own socket, and watches it for the soak time.
  - The live slot never notices. A release that fails is marked as failed.
attributes:
  check_mode:
    support: full
    description: Predicts the slot.
  diff_mode:
    support: full
    description: Shows what the slot holds before and after.
options:
  app:
    description: The app's name.
    type: str
    required: true
  release:
    description: The release's name.
    type: str
    required: true
  drain_seconds:
    description: How long the slot's former release may take to end its requests.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Start
  turnout_start:
    app: hello
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    drain_seconds: 60
  register: started
"""

RETURN = r"""
slot:
  description: The slot that runs the release.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import releases, splits
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.start import start
from ansible.module_utils.turnout_host.units import Slots
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "release": {"type": "str", "required": True},
    "drain_seconds": {"type": "int", "required": True},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Start the release."""
    release, slot = module.params["release"], splits.idle_slot(layout)
    before = releases.in_slot(layout, slot)
    if not module.check_mode:
        slot = start(layout, Slots(layout), release, module.params["drain_seconds"])
    return {
        "changed": True,
        "slot": slot,
        "diff": {
            "before": f"slots/{slot} -> {before or 'nothing'}\n",
            "after": f"slots/{slot} -> {release}\n",
        },
    }


if __name__ == "__main__":
    run_phase("start", OPTIONS, action)
