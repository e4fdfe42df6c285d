#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_revert
short_description: Put a host's traffic back to where it was before the running deploy
description:
  - Safe to repeat, and does nothing on a host that never switched or whose deploy has ended.
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: It restores what was.
options:
  app:
    description: The app's name.
    type: str
    required: true
  cause:
    description: Why, for the history.
    type: str
    required: true
  release:
    description: What the deploy deploys, if that is known; another deploy is left alone.
    type: str
  actor:
    description: Who deploys, for the history.
    type: str
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Revert
  turnout_revert:
    app: hello
    cause: web2 did not become healthy
"""

RETURN = r"""
live:
  description: The slot that takes traffic now, or null.
  returned: success
  type: str
"""
