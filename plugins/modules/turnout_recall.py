#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name asks the host program."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_recall
short_description: Begin the rollback of a host to an earlier release
description:
  - Takes the lease, puts right what a dead deploy left, and makes the release where it is an
    earlier one with today's environment. M(turnout_start), M(turnout_switch) and M(turnout_commit)
    follow, as in a deploy; M(turnout_revert) goes back.
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
  lease:
    description: The result of M(turnout_lease). The host renews it with each call.
    type: dict
    required: true
  release:
    description: The release to go to, as M(turnout_target) tells it.
    type: str
    required: true
  base:
    description: The release whose code it gets, as M(turnout_target) tells it.
    type: str
  live:
    description: >-
      What was live when the target was told; where another release is by now, the host refuses.
    type: str
  force:
    description: Go back although the release does not know the schema of the database.
    type: bool
    default: false
  then:
    description: >-
      Phases that follow in the same call, each with its parameters, on a host that waits for no
      other.
    type: list
    elements: dict
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Recall
  turnout_recall:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: "{{ release_host['rollback_to'] }}"
    base: "{{ release_host['rollback_base'] }}"
    live: "{{ release_host['release'] }}"
    force: "{{ release_rollback_force }}"
"""

RETURN = r"""
release:
  description: The release that is about to be live.
  returned: success
  type: str
previous_release:
  description: The release that was live before.
  returned: success
  type: str
"""
