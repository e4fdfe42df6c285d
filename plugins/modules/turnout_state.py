#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_state
short_description: Tell what is live on a host
description:
  - Returns the same document as the host program's C(status).
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
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Ask what is live
  turnout_state:
    app: hello
  register: host
"""

RETURN = r"""
state:
  description: Live slot, release, both slots, split, releases and history.
  returned: success
  type: dict
"""
