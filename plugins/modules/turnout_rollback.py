#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_rollback
short_description: Give a host's traffic back to an earlier verified release
description:
  - With a warm slot one rename after a health check; a cold one is started first.
attributes:
  check_mode:
    support: full
    description: Predicts the release.
  diff_mode:
    support: full
    description: Shows the live release before and after.
options:
  app:
    description: The app's name.
    type: str
    required: true
  release:
    description: Which; the verified one before the live one unless given.
    type: str
  drain_seconds:
    description: How long a slot's former release may take to end its requests.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Roll back
  turnout_rollback:
    app: hello
    drain_seconds: 60
"""

RETURN = r"""
release:
  description: The release that is live now.
  returned: success
  type: str
previous_release:
  description: The release that was live before.
  returned: success
  type: str
live:
  description: The slot that takes traffic now.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import releases, splits
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.rollback import rollback, target
from ansible.module_utils.turnout_host.units import Slots
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "release": {"type": "str", "default": ""},
    "drain_seconds": {"type": "int", "required": True},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Roll back."""
    name = target(layout, module.params["release"] or None)
    slot = splits.live_slot(layout)
    before = releases.in_slot(layout, slot) if slot else None
    result = {"changed": before != name, "release": name, "previous_release": before}
    if not module.check_mode:
        drain = float(module.params["drain_seconds"])
        result = rollback(layout, Slots(layout), name, drain_seconds=drain)
    result.pop("seconds", None)
    return {**result, "diff": {"before": f"{before or ''}\n", "after": f"{name}\n"}}


if __name__ == "__main__":
    run_phase("rollback", OPTIONS, action)
