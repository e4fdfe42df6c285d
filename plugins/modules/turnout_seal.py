#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_seal
short_description: Seal what provision has made
description:
  - Notes what the units, the site, the settings and the host program of an app are like, so that an
    audit knows what was changed by hand since.
  - What a deploy makes is sealed by the deploy.
attributes:
  check_mode:
    support: full
    description: Tells whether what is there differs from the seal.
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
- name: Seal what was provisioned
  turnout_seal:
    app: storefront
"""

RETURN = r"""
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import sealing
from ansible.module_utils.turnout_host.layout import Layout


def main() -> None:
    """Seal what is there."""
    module = AnsibleModule(
        argument_spec={"app": {"type": "str", "required": True}}, supports_check_mode=True
    )
    layout = Layout(module.params["app"])
    try:
        changed = sealing.seal_provision(layout, check=module.check_mode)
    except OSError as error:
        module.fail_json(msg=f"Cannot seal {error.filename}: {error.strerror}")
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
