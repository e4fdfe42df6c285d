#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_canary
short_description: Say how a canary goes on
description:
  - Refuses shares that are none, a canary where nothing is live, and one that is not on every host.
  - docs/canary.md tells the whole story.
attributes:
  check_mode:
    support: full
    description: It changes nothing on any host.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  steps:
    description: Shares of the traffic that a deploy goes through, in percent.
    type: list
    elements: str
  to:
    description:
      - Share at which a deploy is left. Of a canary that goes on, C(0) aborts it, C(100) finishes
        it.
    type: int
  live:
    description: The releases that are live on the hosts.
    type: list
    elements: raw
  found:
    description: The lease that preflight found on each host, by the host's name.
    type: dict
  continues:
    description: Whether this goes on with a canary that was left at a share.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Plan the canary
  turnout_canary:
    steps: [5, 25, 50]
  run_once: true
  register: release_plan
"""

RETURN = r"""
steps:
  description: The shares that follow, in percent.
  returned: success
  type: list
  elements: int
parks:
  description: The share at which it is left, or 0.
  returned: success
  type: int
release:
  description: The release of the canary that goes on; empty for one that is aborted.
  returned: for a canary that goes on
  type: str
is_there:
  description: Whether any host has a canary.
  returned: for a canary that goes on
  type: bool
hosts:
  description: The hosts that have it, in the order in which they were given.
  returned: for a canary that goes on
  type: list
  elements: str
"""
