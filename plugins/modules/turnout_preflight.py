#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_preflight
short_description: Find out whether a release can be deployed to a host, and what the host lacks
description:
  - Checks that the host is provisioned for the app, has the Python that the app
    needs and disk for one more release. Changes nothing.
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
  python:
    description: Version specifier of the Python that the app needs, such as C(>=3.11).
    type: str
  free_megabytes:
    description: What must be free on the disk of C(/srv), in MiB.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Preflight
  turnout_preflight:
    app: hello
    free_megabytes: 500
  register: host
"""

RETURN = r"""
target:
  description: What decides which wheels fit; C(python), C(machine), C(glibc).
  returned: success
  type: dict
live:
  description: The slot that takes traffic, or null.
  returned: success
  type: str
release:
  description: The release that takes traffic, or null.
  returned: success
  type: str
releases:
  description: Names of the releases on the host.
  returned: success
  type: list
  elements: str
wheels:
  description: File names of the wheels on the host.
  returned: success
  type: list
  elements: str
venvs:
  description: Keys of the whole virtual environments on the host.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.preflight import preflight
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "python": {"type": "str", "default": ""},
    "free_megabytes": {"type": "int", "required": True},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Ask the host; nothing changes."""
    free = module.params["free_megabytes"] * 2**20
    return {"changed": False, **preflight(layout, module.params["python"], free)}


if __name__ == "__main__":
    run_phase("preflight", OPTIONS, action, writes=False)
