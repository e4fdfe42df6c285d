#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_uv
short_description: Find the program uv for a kind of host, on the controller
description:
  - Fetches the wheel that the lock pins, once, and returns where the program in it is kept.
  - Where there is no such wheel or no index in reach, the path is empty and a warning says why.
    Hosts then make virtual environments with pip.
attributes:
  check_mode:
    support: full
    description: It changes nothing on any host.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  machine:
    description: What C(uname -m) says on the host.
    type: str
    required: true
  lock:
    description: Hash-locked requirements that pin uv.
    type: path
    required: true
  cache:
    description: The folder C(.turnout).
    type: path
    required: true
author:
  - The Turnout authors
"""

EXAMPLES = r"""
- name: Find uv for this kind of host
  turnout_uv:
    machine: "{{ ansible_facts['machine'] }}"
    lock: "{{ playbook_dir }}/../requirements.txt"
    cache: "{{ playbook_dir }}/../.turnout"
  register: uv
"""

RETURN = r"""
path:
  description: The program on the controller; empty where there is none for such hosts.
  returned: always
  type: str
"""
