#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_park
short_description: Leave a canary with its share of the traffic
description:
  - The lease goes on without its owner, for as long as it says, and anybody may go on with the
    canary. When nobody has by then, the host goes back by itself.
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
    description: The result of M(turnout_lease); its C(seconds) are how long the canary may stay so.
    type: dict
    required: true
  share:
    description: Its share of the traffic, in percent, for people.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Leave the canary for four hours
  turnout_park:
    app: hello
    lease: "{{ release_lease['lease'] | combine({'seconds': 14400}) }}"
    share: 10
"""

RETURN = r"""
share:
  description: Its share of the traffic, in percent.
  returned: success
  type: int
state:
  description: What is live then, as C(turnout_state) tells it.
  returned: success and not in check mode
  type: dict
"""
