#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_stage
short_description: Put a release on a host, whole or not at all, and run nothing of it yet
description:
  - Used through the action plugin of the same name, which ships what the host lacks
    and fills in I(bundle), I(code_sha256), I(wheels), I(lock), I(venv) and I(release)
    from I(build).
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
  build:
    description: The result of M(turnout_build).
    type: dict
  host:
    description: The result of M(turnout_preflight) on this host.
    type: dict
  release:
    description: The release's name.
    type: str
  bundle:
    description: Tar file on the host with the code and the wheels it lacks.
    type: path
  code_sha256:
    description: What the code archive must hash to.
    type: str
  wheels:
    description: SHA-256 of each wheel by its file name.
    type: dict
  lock:
    description: Requirements with hashes for this host's Python.
    type: str
  venv:
    description: Key of the virtual environment.
    type: str
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
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Stage
  turnout_stage:
    app: hello
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import journal, releases, settle
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.stage import Request, check, stage
from ansible.module_utils.turnout_host.switch import reconcile
from ansible.module_utils.turnout_host.units import Slots
from ansible.module_utils.turnout_module import run_phase

OPTIONS = {
    "release": {"type": "str", "required": True},
    "bundle": {"type": "path"},
    "code_sha256": {"type": "str", "default": ""},
    "wheels": {"type": "dict", "default": {}},
    "lock": {"type": "str", "default": ""},
    "venv": {"type": "str", "required": True},
    "settings": {"type": "dict", "required": True},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "config_files": {"type": "list", "elements": "dict", "default": [], "no_log": True},
}


def action(module: AnsibleModule, layout: Layout) -> dict[str, Any]:
    """Stage the release, unless it is there."""
    wanted = request(module.params)
    before = releases.names(layout)
    changed = releases.find(layout, wanted.release) is None
    if not module.check_mode:
        # Whatever the last deploy left to be done to the idle slot, this one decides.
        settle.cancel(layout)
        reconcile(layout, Slots(layout))
        journal.begin(layout, wanted.release)
        changed = stage(layout, wanted)
        check(layout, wanted.release)
    return {
        "changed": changed,
        "release": wanted.release,
        "diff": {"before": listed(before), "after": listed(sorted({*before, wanted.release}))},
    }


def request(params: dict[str, Any]) -> Request:
    """Return the module's parameters as the host library takes them."""
    return Request(
        release=params["release"],
        bundle=Path(params["bundle"]) if params["bundle"] else None,
        code_sha256=params["code_sha256"],
        wheels=params["wheels"],
        lock=params["lock"],
        venv=params["venv"],
        settings=params["settings"],
        environment={name: str(value) for name, value in params["environment"].items()},
        config_files=params["config_files"],
    )


def listed(names: list[str]) -> str:
    """Return release names a line each, for the diff."""
    return "".join(f"releases/{name}\n" for name in names)


if __name__ == "__main__":
    run_phase("stage", OPTIONS, action)
