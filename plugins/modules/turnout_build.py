#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Documentation only: the action plugin of the same name does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_build
short_description: Build the artifact of an app on the controller
description:
  - Makes one content-addressed artifact from a folder with code and its locked requirements,
    with one set of wheels for each kind of host, and names the release that the artifact
    becomes with the configuration of one environment.
  - Runs on the controller, in Ansible's own process, and asks no host anything. Nothing is
    resolved, downloaded or tested twice; without a change it takes a few hundredths of a second.
  - The same commit and lock give the same bytes on any machine.
attributes:
  check_mode:
    support: full
    description: Builds all the same; a build changes nothing on any host.
  diff_mode:
    support: none
    description: There is nothing to compare.
options:
  spec:
    description:
      - What to build. Each key is the setting C(app_<key>) of the inventory.
    type: dict
    required: true
    suboptions:
      source:
        description: Folder with the code; empty for an app that is only packages.
        type: path
      packages:
        description: Requirement strings, on top of the requirements file or instead of it.
        type: list
        elements: str
      requirements:
        description: The hash-locked requirements file, relative to O(spec.source).
        type: str
      build_command:
        description: Shell command that runs once for each content, in a copy of the source.
        type: str
      test_command:
        description: Shell command that must succeed, in a copy of the source.
        type: str
      test_requirements:
        description: Requirements file of the tests, relative to O(spec.source).
        type: str
      allow_dirty:
        description: Build what is in the folder although it differs from the commit.
        type: bool
      python:
        description: Which Python runs the two commands, as a version specifier.
        type: str
      static:
        description: Folders that nginx serves itself; their text files get a compressed copy.
        type: list
        elements: str
  targets:
    description:
      - The kinds of host to build for, as C(turnout_preflight) found them. One may be named
        as often as there are hosts of its kind.
    type: list
    elements: dict
    required: true
    suboptions:
      python:
        description: Version of the host's Python.
        type: str
        required: true
      machine:
        description: What C(uname -m) says.
        type: str
        required: true
      glibc:
        description: Version of the host's C library.
        type: str
        required: true
  cache:
    description: The folder C(.turnout), with C(artifacts/), C(wheels/) and C(cache/) in it.
    type: path
    required: true
  configuration:
    description:
      - Everything configurable that goes into the release, environment included. It only goes
        into a keyed hash, and is neither returned nor logged.
    type: dict
    required: true
  revision_key:
    description: The secret of the environment with which the configuration is hashed.
    type: str
    required: true
  artifact:
    description:
      - Name of an artifact that is in O(cache) already, such as one that staging has verified. It
        is taken as it is; nothing is built, tested or signed.
    type: str
  live:
    description: The releases that are live on the hosts, each named once.
    type: list
    elements: str
  hosts:
    description:
      - What preflight found on each host, by the host's name. A host without room for what the
        release adds to it ends the play before any host is changed.
    type: dict
  free_megabytes:
    description: What has to stay free on a host's disks after that, in MiB.
    type: int
  signing_key:
    description:
      - SSH key that signs the manifest. A public key's private one is asked of the SSH agent.
        Empty for no signature.
    type: path
  test:
    description: Run the app's own tests, unless they have passed for this very code.
    type: bool
author:
  - The project authors
"""

EXAMPLES = r"""
- name: Build the artifact for every kind of host
  turnout_build:
    spec:
      source: "{{ app_source }}"
      test_command: "{{ app_test_command }}"
    targets: "{{ groups['web'] | map('extract', hostvars, 'release_target') }}"
    cache: "{{ playbook_dir }}/../.turnout"
    configuration: "{{ release_configuration }}"
    revision_key: "{{ app_revision_key }}"
    test: true
  run_once: true
  register: release_build
"""

RETURN = r"""
artifact:
  description: Name of the artifact, C(<commit date>-<commit>-<content>).
  returned: success
  type: str
artifact_path:
  description: Folder with C(code.tar.gz), C(manifest.json) and its signature.
  returned: success
  type: str
signature:
  description:
    - The manifest's signature by O(signing_key), or the one that a given artifact came with. Empty
      where there is none. The file beside the manifest may be another environment's by then.
  returned: success
  type: str
release:
  description: Name of the release, the artifact's with the configuration's revision.
  returned: success
  type: str
is_live:
  description: Whether the release is what O(live) names, and nothing else is.
  returned: success
  type: bool
commit:
  description: Full id of the commit, or null without git.
  returned: success
  type: str
dirty:
  description: Whether the code differs from the commit.
  returned: success
  type: bool
targets:
  description:
    - One entry for each kind of host, with C(python), C(machine), C(glibc), C(lock),
      C(venv_key), and C(wheels), each with C(file), C(sha256), C(size) and C(path).
  returned: success
  type: list
  elements: dict
seconds:
  description: How long C(source), C(tests), C(wheels) and C(archive) took.
  returned: success
  type: dict
cause:
  description: What did not work, and why.
  returned: failure
  type: str
next_step:
  description: What to do about it.
  returned: failure
  type: str
evidence:
  description: Output of the tool that failed.
  returned: failure
  type: str
phase:
  description: Always C(Build).
  returned: failure
  type: str
"""
