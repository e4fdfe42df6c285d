"""The SSH key of a CI: it comes as text in a variable and goes to an agent, never to a disk.

OpenSSH, which Ansible starts, and Fabric both ask the agent that SSH_AUTH_SOCK names.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from turnout.errors import TurnoutError

VARIABLE = "TURNOUT_SSH_KEY"
START_SECONDS = 10


def start_if_asked() -> None:
    """Give the key in TURNOUT_SSH_KEY to an agent of this process, and forget the variable.

    Whatever this process starts, the app's tests among it, finds the agent and not the key.

    Raises:
        TurnoutError: the agent does not start, or takes the text for no key.
    """
    key = os.environ.pop(VARIABLE, "")
    if not key.strip():
        return
    folder = Path(tempfile.mkdtemp(prefix="turnout-agent-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    socket = folder / "socket"
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(agent.terminate)
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists() and agent.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.environ["SSH_AUTH_SOCK"] = str(socket)
    added = subprocess.run(
        ["ssh-add", "-q", "-"],
        input=f"{key.strip()}\n",
        capture_output=True,
        text=True,
        check=False,
        # A key with a passphrase would ask somewhere; there is nobody.
        env=os.environ | {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"},
    )
    if added.returncode != 0:
        raise TurnoutError(
            f"{VARIABLE} holds no private key that can be used.",
            added.stderr.replace("(stdin)", VARIABLE),
            "put the whole text of an OpenSSH private key without a passphrase there",
        )
