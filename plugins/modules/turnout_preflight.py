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
    description: What must be free on the disks that a deploy writes to, in MiB.
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
room:
  description: Where releases and wheels go; C(path), C(device), C(free_bytes) of each.
  returned: success
  type: list
  elements: dict
initialised:
  description: Whether the app's init command has succeeded on this host.
  returned: success
  type: bool
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
  description: SHA-256 of the wheels on the host.
  returned: success
  type: list
  elements: str
venvs:
  description: Keys of the whole virtual environments on the host.
  returned: success
  type: list
  elements: str
"""
