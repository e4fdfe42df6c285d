#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_commit
short_description: Make a switch final on a host
description:
  - Writes the history, and lets the host itself drain and stop the old slot when its
    warm time is over. Until then a rollback is one rename.
attributes:
  check_mode:
    support: full
    description: Writes nothing.
  diff_mode:
    support: none
    description: The switch showed its diff.
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
  actor:
    description: Who deploys, for the history.
    type: str
  warm_seconds:
    description: How long the old slot stays warm.
    type: int
    required: true
  initialised:
    description:
      - Whether the app's init command has succeeded, on this host or on another for all of them.
        The host notes it.
    type: bool
    default: false
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Commit
  turnout_commit:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    warm_seconds: 300
"""

RETURN = r"""
entry:
  description: The line of the history.
  returned: success
  type: dict
state:
  description: What is live then, as C(turnout_state) tells it.
  returned: success and not in check mode
  type: dict
receipt:
  description: What the host's probe has seen so far; docs/receipt.md says what is in it.
  returned: success
  type: dict
words:
  description: The same as a line for a person.
  returned: success
  type: str
"""
