#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_switch
short_description: Give a host's traffic to the slot that runs a release, and verify it
description:
  - Replaces the C(live) link in one rename; nothing is reloaded and no connection is closed.
  - Then asks through the host's own nginx until the release itself has answered.
attributes:
  check_mode:
    support: full
    description: Predicts the split.
  diff_mode:
    support: full
    description: Shows the live split before and after.
options:
  app:
    description: The app's name.
    type: str
    required: true
  release:
    description: The release's name.
    type: str
    required: true
  port:
    description: Port of the site on this host.
    type: int
    required: true
  tls:
    description: Whether the site speaks TLS on that port.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Switch
  turnout_switch:
    app: hello
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    port: 80
"""

RETURN = r"""
slot:
  description: The slot that takes the traffic now.
  returned: success
  type: str
switch_seconds:
  description: How long the switch itself took.
  returned: success
  type: float
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import releases, splits
from ansible.module_utils.turnout_host.errors import HostFailure
from ansible.module_utils.turnout_host.layout import SLOTS, Layout
from ansible.module_utils.turnout_host.switch import switch, verify
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "release": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "tls": {"type": "bool", "default": False},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Switch to the slot that holds the release, and verify."""
    release, before = module.params["release"], splits.live(layout)
    slot = splits.idle_slot(layout) if module.check_mode else holder(layout, release)
    result = {"changed": before != slot, "slot": slot, "diff": difference(before, slot)}
    if module.check_mode:
        return result
    started = time.monotonic()
    switch(layout, slot)
    result["switch_seconds"] = round(time.monotonic() - started, 6)
    verify(layout, release, {"port": module.params["port"], "tls": module.params["tls"]})
    return result


def holder(layout: Layout, release: str) -> str:
    """Return the slot that holds the release.

    Raises:
        HostFailure: if none does.
    """
    for slot in SLOTS:
        if releases.in_slot(layout, slot) == release:
            return slot
    raise HostFailure(f"no slot holds {release}", "deploy it first")


def difference(before: str | None, after: str) -> dict[str, str]:
    """Return the live link before and after, for the diff."""
    old = f"live -> splits/{before}\n" if before else ""
    return {"before": old, "after": f"live -> splits/{after}\n"}


if __name__ == "__main__":
    run_phase("switch", OPTIONS, action)
