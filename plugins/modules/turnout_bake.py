#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_bake
short_description: Watch a release while it takes traffic
description:
  - Reads from nginx's access log how many requests fail and how long answers take, and from systemd
    whether the main process is still the same. docs/canary.md explains the rule.
  - A release with a share of the traffic is compared with the live one at the same time, a release
    with all of it with the one before, over as long a time right before the switch.
  - Over its limits the host goes back at once, and keeps the release as failed, with the evidence.
attributes:
  check_mode:
    support: full
    description: Watches nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  app:
    description: The app's name.
    type: str
    required: true
  lease:
    description: The result of M(turnout_lease). The host renews it with every look.
    type: dict
    required: true
  release:
    description: The release's name.
    type: str
    required: true
  seconds:
    description: How long it is watched.
    type: int
    required: true
  errors:
    description: How much more of its requests may fail than of the other release's, 0 to 1.
    type: float
    required: true
  latency:
    description: How many times the other release's p95 its own may be.
    type: float
    required: true
  requests:
    description: From so many requests on a release's figures are compared.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Bake for five minutes
  turnout_bake:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    seconds: 300
    errors: 0.02
    latency: 2.0
    requests: 20
"""

RETURN = r"""
verdict:
  description: How it did, in words.
  returned: success
  type: str
candidate:
  description: Its C(requests), C(failed), C(p95_seconds) and C(restarts).
  returned: success
  type: dict
baseline:
  description: The same of the release that it was compared with.
  returned: success
  type: dict
"""
