#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_migrate
short_description: Run a release's init and migrate commands on a host
description:
  - Runs under the service's user, sandbox and environment, with the code of the
    release that is about to go live, while the live release goes on serving.
  - The init command runs once in the app's lifetime on this host.
attributes:
  check_mode:
    support: full
    description: Runs nothing and says that it would.
  diff_mode:
    support: none
    description: What a command changes is its own.
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
  init_command:
    description: Shell command run once in the app's lifetime; empty for none.
    type: str
  migrate_command:
    description: Shell command run with each release; empty for none.
    type: str
  timeout_seconds:
    description: How long each may take.
    type: int
    required: true
  import_checked:
    description: >-
      Whether stage imported the app on trial. If not, that is done where the app's entry is
      another one than the live app's, and where a command fails, to tell the cause.
    type: bool
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Migrate
  turnout_migrate:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    release: 20261122T101500-1a2b3c4-5d6e7f80-90abcd
    migrate_command: flask db upgrade
    timeout_seconds: 600
"""

RETURN = r"""
output:
  description: What the commands printed.
  returned: success
  type: str
"""
