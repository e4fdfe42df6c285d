#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_hook
short_description: Run a team's own command at a point of a deploy
description:
  - Runs once, on the controller, through the shell; at its timeout all it has started is ended.
  - Its output is shown when it fails.
attributes:
  check_mode:
    support: none
    description: Runs nothing.
  diff_mode:
    support: none
    description: Nothing to show.
options:
  point:
    description: The hook's name, such as C(before_switch).
    type: str
    required: true
  command:
    description: What runs, for C(/bin/sh -ec). It is shown, so it must hold no secret.
    type: str
    required: true
  folder:
    description: Where it runs.
    type: path
    required: true
  timeout_seconds:
    description: How long it may take.
    type: float
    default: 30
  app:
    description: The app's name.
    type: str
    required: true
  environment:
    description: Name of the environment, the inventory's folder.
    type: str
    required: true
  release:
    description: The release's name.
    type: str
    required: true
  hosts:
    description: The hosts of the play.
    type: list
    elements: str
    required: true
  cause:
    description: What failed first, if something has.
    type: str
    default: ""
  variables:
    description: What else the command finds in its environment. Treated as secret.
    type: dict
    default: {}
  must:
    description: Whether its failure is the task's, or a warning.
    type: bool
    default: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Pause the alerts
  turnout_hook:
    point: before_switch
    command: scripts/pause-alerts "$TURNOUT_APP"
    folder: "{{ playbook_dir }}/.."
    app: hello
    environment: prod
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    hosts: [web1, web2]
  run_once: true
"""

RETURN = r"""
"""
