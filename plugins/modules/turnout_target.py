#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_target
short_description: Tell which release a rollback of a host goes to
description:
  - Looks at the history and the live link, and changes nothing.
  - Refuses a release that failed, was never verified here, or does not know the schema that the
    last deploy left the database with.
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  app:
    description: The app's name.
    type: str
    required: true
  release:
    description: Which; the verified one before the live one unless given.
    type: str
  current_env:
    description: With the environment and the configuration files of the live release.
    type: bool
  force:
    description: Whatever the schema of the database.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Ask where a rollback goes
  turnout_target:
    app: hello
  register: release_host
"""

RETURN = r"""
rollback_to:
  description: The release that a rollback makes live.
  returned: success
  type: str
rollback_base:
  description: The release whose code that is; another one with O(current_env) only.
  returned: success
  type: str
is_live:
  description: Whether it is live here already.
  returned: success
  type: bool
release:
  description: The release that is live.
  returned: success
  type: str
lease:
  description: Who changes the host at the moment, if anybody.
  returned: success
  type: dict
"""
