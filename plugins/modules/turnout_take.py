#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_take
short_description: Take the lease of a host, and nothing more
description:
  - For the first host of a fleet, before the others take theirs with M(turnout_stage). Of two
    deploys that begin together, one gets the first host and with it all of them.
attributes:
  check_mode:
    support: full
    description: Predicts the change.
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
- name: Take the lease of the first host
  turnout_take:
    app: hello
    lease: "{{ release_lease['lease'] }}"
"""

RETURN = r"""
seconds:
  description: How long it took, waiting included.
  returned: success
  type: float
"""
