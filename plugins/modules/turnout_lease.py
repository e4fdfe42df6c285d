#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_lease
short_description: Name the lease under which a deploy changes its hosts
description:
  - Makes the token by which every host knows the calls of one deploy. A host takes the first
    call as the beginning of a lease, each later one as its renewal, and goes back by itself
    when no call comes for O(seconds).
  - Fails when somebody else changes one of the hosts, unless that is a process of this very
    machine that is no more.
attributes:
  check_mode:
    support: full
    description: It changes nothing on any host.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  actor:
    description: Who deploys, for people.
    type: str
    required: true
  reason:
    description: What for, in a word or two.
    type: str
    required: true
  seconds:
    description: How long a host waits for the next call before it takes the owner for dead.
    type: int
    required: true
  wait_seconds:
    description: How long to wait for somebody else to end; 0 fails at once.
    type: int
  continues:
    description: Whether the deploy goes on with a canary that was left for anybody to go on with.
    type: bool
  found:
    description: The lease that preflight found on each host, by the host's name.
    type: dict
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Name the lease
  turnout_lease:
    actor: alice
    reason: deploy
    seconds: 900
    found: "{{ leases_found }}"
  run_once: true
  register: release_lease
"""

RETURN = r"""
lease:
  description: What every phase passes on to its host.
  returned: success
  type: dict
"""
