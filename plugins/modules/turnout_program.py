#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_program
short_description: Install the host program
description:
  - Writes the host library that this module itself carries as one executable zip file, so
    that the program on a host and Ansible's modules are always of one version.
  - Unpacks it beside itself, with bytecode for the host's Python, which the program then runs from.
attributes:
  check_mode:
    support: full
    description: Predicts the change.
  diff_mode:
    support: full
    description: Shows the program's SHA-256 before and after.
options:
  path:
    description: Where to put it.
    type: path
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Install the host program
  turnout_program:
    path: /usr/local/lib/turnout/host.pyz
"""

RETURN = r"""
sha256:
  description: What the program hashes to.
  returned: success
  type: str
"""

import hashlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# The program is what Ansible sends with this module, by its imports: `cli` stands for all of it.
from ansible.module_utils.turnout_host import atomic, cli, program  # noqa: F401


def main() -> None:
    """Install the program when it differs."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True
    )
    path = Path(module.params["path"])
    content = program.build()
    try:
        before = path.read_bytes() if path.exists() else b""
        if before != content and not module.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_file(path, content, 0o755)
        unpacked = before == content and program.is_unpacked(path)
        if not module.check_mode:
            program.unpack(path)
    except OSError as error:
        module.fail_json(msg=f"Cannot install {path}: {error.strerror}")
    module.exit_json(
        changed=not unpacked,
        sha256=digest(content),
        diff={"before": f"{digest(before)}\n", "after": f"{digest(content)}\n"},
    )


def digest(content: bytes) -> str:
    """Return the SHA-256, or nothing for no program."""
    return hashlib.sha256(content).hexdigest() if content else ""


if __name__ == "__main__":
    main()
