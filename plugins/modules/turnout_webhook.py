#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_webhook
short_description: Tell a chat how a deploy or rollback ended
description:
  - Posts one C({"text"}), as Slack takes it, from the controller, with the receipts of the hosts.
  - A webhook that fails is a warning and never the task's failure.
attributes:
  check_mode:
    support: none
    description: Tells nobody.
  diff_mode:
    support: none
    description: Nothing to show.
options:
  url:
    description: The webhook's address. A secret.
    type: str
    required: true
  action:
    description: What has ended, C(deploy) or C(rollback).
    type: str
    required: true
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
  actor:
    description: Who did it.
    type: str
    required: true
  hosts:
    description: The hosts of the play.
    type: list
    elements: str
    required: true
  began:
    description: When it began, in Unix time.
    type: float
    required: true
  cause:
    description: What failed first; empty for a success.
    type: str
    default: ""
  where:
    description: Where the traffic is after a failure.
    type: str
    default: ""
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Tell the team
  turnout_webhook:
    url: "{{ vault_webhook_url }}"
    action: deploy
    app: hello
    environment: prod
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    actor: alice
    hosts: [web1, web2]
    began: "{{ release_lease['lease']['began'] }}"
  run_once: true
"""

RETURN = r"""
"""
