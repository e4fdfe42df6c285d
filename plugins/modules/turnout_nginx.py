#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Publish nginx configuration in one step that leaves either the new or the former one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: turnout_nginx
short_description: Publish nginx configuration that nginx accepts
description:
  - Writes and removes files of the nginx configuration, has nginx check the whole, and reloads it.
  - When nginx refuses, every file is as it was before and the task fails with nginx's reason.
  - A run that was killed before the reload is completed by the next.
attributes:
  check_mode:
    support: full
    description: Predicts the change, also where nginx is not installed yet.
  diff_mode:
    support: full
    description: Shows each file before and after.
options:
  files:
    description: Files to write, each with a V(path) and its V(content).
    type: list
    elements: dict
    required: true
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
- name: Publish the site
  turnout_nginx:
    files:
      - path: /etc/nginx/conf.d/storefront.conf
        content: "{{ lookup('ansible.builtin.template', 'site.conf.j2') }}"
    absent:
      - /etc/nginx/sites-enabled/default
"""

RETURN = r"""
paths:
  description: The files that were written or removed.
  returned: success
  type: list
  elements: str
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import atomic

# In /run: a boot makes nginx read its files anyway.
PENDING = Path("/run/turnout-nginx.pending")
ERROR_LOG = Path("/var/log/nginx/error.log")
RELOAD_SECONDS = 30


class RefusedError(Exception):
    """nginx does not accept the configuration; the message is nginx's own."""


class Entry:
    """One path of the configuration, and how it was before."""

    def __init__(self, path, content):
        """``content`` is the text to write, or None to remove the path."""
        self.path = path
        self.content = content
        self.link = path.readlink() if path.is_symlink() else None
        self.before = read(path)

    @property
    def differs(self):
        if self.content is None:
            return self.link is not None or self.before is not None
        return self.link is not None or self.before != self.content

    def apply(self):
        put(self.path, self.content)

    def restore(self):
        if self.link is not None:
            put(self.path, None)
            self.path.symlink_to(self.link)
        else:
            put(self.path, self.before)

    def diff(self):
        return {
            "before_header": str(self.path),
            "after_header": str(self.path),
            "before": self.before or "",
            "after": self.content or "",
        }


def read(path):
    """Return the text of a file, or None where there is none."""
    try:
        return path.read_bytes().decode()  # line ends as they are
    except FileNotFoundError:
        return None


def put(path, content):
    """Make ``path`` hold ``content`` in one rename, or remove it for None."""
    if content is None:
        path.unlink(missing_ok=True)
        return
    atomic.write_file(path, content.encode())


def publish(entries, check):
    """Apply the entries; put all of them back when ``check()`` raises."""
    try:
        for entry in entries:
            entry.apply()
        check()
    except BaseException:
        for entry in entries:
            entry.restore()
        raise


def nginx_accepts(module):
    """Raise RefusedError with nginx's own words unless the configuration is good."""
    code, _, errors = module.run_command(["nginx", "-t"])
    if code != 0:
        raise RefusedError(errors.strip())


def reload_nginx(module):
    """Have a running nginx read its files; one that is stopped reads them when it starts.

    ``nginx -t`` does not say whether a port is free, and a reload is a signal, which succeeds
    whatever comes of it: only new workers show that the configuration has been taken.
    """
    _, said, _ = module.run_command(["systemctl", "show", "--property=MainPID", "--value", "nginx"])
    master = said.strip()
    if master in ("", "0"):
        return
    before = workers(master)
    module.run_command(["systemctl", "reload", "nginx"], check_rc=True)
    deadline = time.monotonic() + RELOAD_SECONDS
    while before and not workers(master) - before:
        if time.monotonic() > deadline:
            raise RefusedError(last_emergency() or f"no new worker within {RELOAD_SECONDS} s")
        time.sleep(0.05)


def workers(master):
    """Return the processes that a master has started."""
    try:
        return set(Path(f"/proc/{master}/task/{master}/children").read_text().split())
    except OSError:
        return set()


def last_emergency():
    """Return what nginx last said of a configuration that it could not take."""
    lines = (read(ERROR_LOG) or "").splitlines()
    return next((line for line in reversed(lines) if "[emerg]" in line), "")


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                },
            },
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = [Entry(Path(item["path"]), item["content"]) for item in module.params["files"]]
    wanted += [Entry(Path(path), None) for path in module.params["absent"]]
    entries = [entry for entry in wanted if entry.differs]
    unfinished = PENDING.exists()
    changed = bool(entries) or unfinished

    if changed and not module.check_mode:
        try:
            put(PENDING, "")
            publish(entries, lambda: (nginx_accepts(module), reload_nginx(module)))
        except RefusedError as refusal:
            if not unfinished:
                put(PENDING, None)
            module.fail_json(
                msg=(
                    "nginx refuses the new configuration, so the former one is back and still "
                    "serves. Correct the setting it names and provision again. "
                    f"nginx says: {refusal}"
                )
            )
        put(PENDING, None)

    module.exit_json(
        changed=changed,
        paths=[str(entry.path) for entry in entries],
        diff=[entry.diff() for entry in entries],
    )


if __name__ == "__main__":
    main()
