#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_stage
short_description: Put a release on a host, whole or not at all, and run nothing of it yet
description:
  - Ships what the host lacks of the build, in one file.
  - Unpacks the code, makes the virtual environment from local wheels, writes the
    environment file, and imports the app once under the service's user and sandbox.
attributes:
  check_mode:
    support: full
    description: Says whether the release would be made.
  diff_mode:
    support: full
    description: Shows the releases on the host before and after.
options:
  app:
    description: The app's name.
    type: str
    required: true
  lease:
    description: The result of M(turnout_lease). The host renews it with each call.
    type: dict
    required: true
  build:
    description: The result of M(turnout_build).
    type: dict
    required: true
  host:
    description: The result of M(turnout_preflight) on this host.
    type: dict
    required: true
  settings:
    description: What C(release.json) holds besides.
    type: dict
    required: true
  environment:
    description: The release's environment, secrets included. Never shown.
    type: dict
  config_files:
    description: Files for the release's C(config) folder, each with C(dest), C(content), C(mode).
    type: list
    elements: dict
  import_check:
    description:
      - Import the app once under the service's user and sandbox, before anything migrates. Where
        nothing does, or on a host that is alone with a migration that itself imports the app before
        anything else, it may be left out.
    type: bool
  then:
    description:
      - Phases that follow in the same call, each with C(phase) and C(parameters). For hosts
        that wait for no other before them; each call that is saved is a sixth of a second.
    type: list
    elements: dict
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Stage
  turnout_stage:
    app: hello
    lease: "{{ release_lease['lease'] }}"
    build: "{{ build }}"
    host: "{{ host }}"
    settings: "{{ release_settings }}"
    environment: "{{ release_environment }}"
"""

RETURN = r"""
release:
  description: The release's name.
  returned: success
  type: str
"""
