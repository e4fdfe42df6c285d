#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Make all folders and files of a role in one call: each one takes a third of a second."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_files
short_description: Make folders and files of a host as they are to be
description:
  - Makes folders, writes files and removes files, in this order, in one call.
  - A file holds its old content or the new one at each instant, never a part, and belongs to root.
  - A folder that is a link is the folder that it leads to, unless V(follow) is false.
attributes:
  check_mode:
    support: full
    description: Predicts what would change, also below folders that are not there yet.
  diff_mode:
    support: full
    description: Shows the content of files before and after, and what of a folder changes.
options:
  folders:
    description: Folders to make, each below one that is there or comes before it.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the folder is.
        type: path
        required: true
      owner:
        description: The account that it belongs to.
        type: str
        default: root
      group:
        description: The group that it belongs to.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits in quotes.
        type: str
        default: "0755"
      follow:
        description: Whether it may be a link to a folder.
        type: bool
        default: true
  files:
    description: Files to write.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the file is.
        type: path
        required: true
      content:
        description: What it holds.
        type: str
        required: true
  absent:
    description: Files or links to remove.
    type: list
    elements: path
    default: []
author:
  - The project authors
"""

EXAMPLES = r"""
- name: Make what the app needs
  turnout_files:
    folders:
      - path: /srv/storefront
      - { path: /srv/storefront/shared, owner: storefront, group: storefront, mode: "0750" }
    files:
      - path: /etc/storefront.json
        content: "{{ settings | to_nice_json }}\n"
"""

RETURN = r"""
paths:
  description: What was made, changed or removed.
  returned: success
  type: list
  elements: str
"""

import grp
import os
import pwd
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import atomic

FILE_MODE = 0o644


class InTheWayError(Exception):
    """Something else is where a folder or a file is to be."""


def folder(wanted, check):
    """Make a folder, or give an old one its owner and mode; return the differences."""
    path = Path(wanted["path"])
    path = path.resolve() if wanted["follow"] else path
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise InTheWayError(f"{path} is no folder: move it away, or see what it is for")
    before = described(path)
    owner = known(pwd.getpwnam, pwd.getpwuid, wanted["owner"])
    group = known(grp.getgrnam, grp.getgrgid, wanted["group"])
    after = f"{owner}:{group} {int(wanted['mode'], 8):04o}\n"
    if before == after:
        return []
    if not check:
        if not before:
            path.mkdir(0o700)
        # The mode last: until then a new folder is nobody's but root's.
        os.chown(path, pwd.getpwnam(wanted["owner"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid)
        path.chmod(int(wanted["mode"], 8))
    return [difference(path, before, after)]


def described(path):
    """Return owner, group and mode of a folder in a line, or nothing where there is none."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return ""
    mode = stat.S_IMODE(facts.st_mode)
    return f"{name(pwd.getpwuid, facts.st_uid)}:{name(grp.getgrgid, facts.st_gid)} {mode:04o}\n"


def known(number_of, name_of, given):
    """Return the name by which the host tells an account: two names may stand for one number."""
    try:
        return name(name_of, number_of(given)[2])
    except KeyError:  # in check mode the task that would make it has not
        return given


def name(ask, number):
    """Return the name of an account or a group, or its number where it has none."""
    try:
        return ask(number)[0]
    except KeyError:
        return str(number)


def file(path, content, check):
    """Write a file of root's, or remove it where ``content`` is None; return the differences."""
    before = read(path)
    if path.is_dir() and not path.is_symlink():
        raise InTheWayError(f"{path} is a folder: move it away, or see what it is for")
    is_right = before == content and not path.is_symlink() and (content is None or roots(path))
    if is_right:
        return []
    if not check:
        if content is None:
            path.unlink()
        else:
            atomic.write_file(path, content.encode(), FILE_MODE)
            os.chown(path, 0, 0)
    return [difference(path, before or "", content or "")]


def roots(path):
    """Say whether a file is root's, with the permissions that all of them have."""
    facts = path.stat()
    return (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (0, 0, FILE_MODE)


def read(path):
    """Return the text of a file, or None where there is none."""
    try:
        return path.read_bytes().decode(errors="replace")  # line ends as they are
    except (FileNotFoundError, IsADirectoryError):
        return None


def difference(path, before, after):
    """Return what ``--diff`` shows of a path."""
    header = str(path)
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def main():
    """Make what differs, in the order in which it was given."""
    path = {"type": "path", "required": True}
    text = {"type": "str", "default": "root"}
    options = {
        "folders": {
            "path": path,
            "owner": text,
            "group": text,
            "mode": {"type": "str", "default": "0755"},
            "follow": {"type": "bool", "default": True},
        },
        "files": {"path": path, "content": {"type": "str", "required": True}},
    }
    several = {"type": "list", "default": []}
    module = AnsibleModule(
        argument_spec={
            **{
                key: {**several, "elements": "dict", "options": known}
                for key, known in options.items()
            },
            "absent": {**several, "elements": "path"},
        },
        supports_check_mode=True,
    )
    given, check, changes = module.params, module.check_mode, []
    try:
        for wanted in given["folders"]:
            changes += folder(wanted, check)
        for wanted in given["files"]:
            changes += file(Path(wanted["path"]), wanted["content"], check)
        for gone in given["absent"]:
            changes += file(Path(gone), None, check)
    except InTheWayError as error:
        module.fail_json(msg=str(error))
    except KeyError as error:
        module.fail_json(msg=f"this host has no such account or group: {error}")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    paths = [one["after_header"] for one in changes]
    module.exit_json(changed=bool(changes), paths=paths, diff=changes)


if __name__ == "__main__":
    main()
