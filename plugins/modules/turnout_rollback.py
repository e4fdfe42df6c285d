#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_rollback
short_description: Give a host's traffic back to an earlier verified release
description:
  - With a warm slot one rename after a health check; a cold one is started first.
attributes:
  check_mode:
    support: full
    description: Predicts the release.
  diff_mode:
    support: full
    description: Shows the live release before and after.
options:
  app:
    description: The app's name.
    type: str
    required: true
  release:
    description: Which; the verified one before the live one unless given.
    type: str
  drain_seconds:
    description: How long a slot's former release may take to end its requests.
    type: int
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Roll back
  turnout_rollback:
    app: hello
    drain_seconds: 60
"""

RETURN = r"""
release:
  description: The release that is live now.
  returned: success
  type: str
previous_release:
  description: The release that was live before.
  returned: success
  type: str
live:
  description: The slot that takes traffic now.
  returned: success
  type: str
"""
