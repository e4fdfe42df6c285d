#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_revert
short_description: Put a host's traffic back to where it was before the running deploy
description:
  - Safe to repeat, and does nothing on a host that never switched, whose deploy has ended, or that
    somebody else changes by now.
  - A host that has committed already goes back too, while its former slot is warm.
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
  lease:
    description: The result of M(turnout_lease). The host renews it with each call.
    type: dict
    required: true
  cause:
    description: Why, for the history.
    type: str
    required: true
  aborted:
    description: Whether somebody asked for it, so that the history calls it aborted and not failed.
    type: bool
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
    lease: "{{ release_lease['lease'] }}"
    cause: web2 did not become healthy
"""

RETURN = r"""
back:
  description: Whether it is known to be where it was; not so where somebody has changed it since.
  returned: success
  type: bool
live:
  description: The slot that takes traffic now, or null.
  returned: success
  type: str
"""
