#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_audit
short_description: List what is not as it was shipped
description:
  - Compares the files, links, units, site and environments of an app with what was sealed when they
    were made, by the host's own program.
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
options:
  app:
    description: The app's name.
    type: str
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: List what was changed by hand
  turnout_audit:
    app: storefront
  register: host
"""

RETURN = r"""
differences:
  description:
    - What differs, each with its C(path), C(what) (changed, missing, added, mode, owner, link),
      the C(kind) of path, and C(since) in UTC. No content of a file is ever shown.
  returned: success
  type: list
  elements: dict
lines:
  description: The same for people.
  returned: success
  type: list
  elements: str
under_way:
  description: Whether a deploy is under way, so that the links were left out.
  returned: success
  type: bool
"""
