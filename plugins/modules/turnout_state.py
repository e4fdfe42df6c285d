#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_state
short_description: Tell what is live on a host
description:
  - Returns the same document as the host program's C(status).
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It only reads.
options:
  app:
    description: The app's name.
    type: str
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Ask what is live
  turnout_state:
    app: hello
  register: host
"""

RETURN = r"""
state:
  description: Live slot, release, both slots, split, releases and history.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.state import state
from ansible.module_utils.turnout_host.units import Slots
from ansible.module_utils.turnout_module import run_phase


def action(_module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Read the state."""
    return {"changed": False, "state": state(layout, Slots(layout))}


if __name__ == "__main__":
    run_phase("status", {}, action, writes=False)
