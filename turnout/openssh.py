"""The ssh program itself: for people at a terminal, and for connections that Ansible finds."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from turnout.environment import Host

CONTROL_PATH_DIR = "ANSIBLE_SSH_CONTROL_PATH_DIR"
# The path of a socket has 108 bytes at most, and ssh adds a slash, 40 digits and 18 more to it.
MOST_BYTES = 48
# As ansible.cfg has them, since the connection is Ansible's.
OPTIONS = {
    "ControlMaster": "auto",
    "ControlPersist": "60s",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
}


def shared() -> Path:
    """Return where Ansible keeps what it shares: by default, where that is short enough for ssh.

    ansible.cfg names a connection by where it leads alone.
    """
    if CONTROL_PATH_DIR in os.environ:
        return Path(os.environ[CONTROL_PATH_DIR]).expanduser()
    usual, private = Path("~/.ansible/cp").expanduser(), os.environ.get("XDG_RUNTIME_DIR")
    is_long = len(os.fsencode(usual)) > MOST_BYTES
    return Path(private, "turnout") if is_long and private else usual


# Nobody waits for them; whoever forgets a child that still runs is warned by Python.
_ahead: list[subprocess.Popen[bytes]] = []


def command_line(host: Host) -> list[str]:
    """Return the words of a command that reaches ``host`` interactively."""
    return ["ssh", "-t", *_how(host), host.address]


def connect_ahead(host: Host) -> None:
    """Make the connection that Ansible will use, while it still starts; never waits.

    Whatever is wrong with it is for Ansible to find out and to tell.
    """
    folder = shared()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    options += ["-o", f"ControlPath={folder}/%C"]
    ahead = subprocess.Popen(
        ["ssh", *_how(host), *options, "-o", "BatchMode=yes", host.address, "true"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _ahead.append(ahead)


def _how(host: Host) -> list[str]:
    words = shlex.split(host.ssh_args)
    words += ["-p", str(host.port)] if host.port else []
    words += ["-i", host.key_file] if host.key_file else []
    words += ["-l", host.user] if host.user else []
    return words
