#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_switch
short_description: Give a host's traffic to the slot that runs a release, and verify it
description:
  - Replaces the C(live) link in one rename; nothing is reloaded and no connection is closed.
  - Then asks through the host's own nginx until the release itself has answered.
attributes:
  check_mode:
    support: full
    description: Predicts the split.
  diff_mode:
    support: full
    description: Shows the live split before and after.
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
  share:
    description:
      - How much of the traffic goes there, in percent; 100 by default. Less is a canary, in steps
        of 5, beside the live release. It is asked for its health over its own socket then.
    type: int
  port:
    description: Port of the site on this host.
    type: int
    required: true
  tls:
    description: Whether the site speaks TLS on that port.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Switch
  turnout_switch:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    port: 80
"""

RETURN = r"""
slot:
  description: The slot that takes the traffic now.
  returned: success
  type: str
switch_seconds:
  description: How long the switch itself took.
  returned: success
  type: float
"""
