#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_renew
short_description: Renew the lease of a host that waits for others
description:
  - For the hosts that have nothing to do while others switch or are watched. Without a call they
    would take their controller for dead and go back.
attributes:
  check_mode:
    support: full
    description: Does nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  app:
    description: The app's name.
    type: str
    required: true
  lease:
    description: The result of M(turnout_lease). The host renews it with each call.
    type: dict
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Renew the lease of the hosts of later batches
  turnout_renew:
    app: hello
    lease: "{{ release_lease['lease'] }}"
"""

RETURN = r"""
seconds:
  description: How long it took.
  returned: success
  type: float
"""
