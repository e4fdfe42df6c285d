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
  lease:
    description: The result of M(turnout_lease). The host renews it with each call.
    type: dict
    required: true
  release:
    description: The release's name.
    type: str
    required: true
  drain_seconds:
    description: How long the slot's former release may take to end its requests.
    type: int
    required: true
  probe_rate:
    description: >-
      Requests a second that the host asks of itself around the switch, for the receipt; C(0) for
      none.
    type: int
    required: true
  import_checked:
    description: >-
      Whether stage imported the app on trial. If not, that is done where it does not become
      healthy, to tell the cause.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Start
  turnout_start:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    drain_seconds: 60
    probe_rate: 20
  register: started
"""

RETURN = r"""
slot:
  description: The slot that runs the release.
  returned: success
  type: str
"""
