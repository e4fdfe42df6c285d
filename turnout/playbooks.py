"""Run our playbooks and stream what happens; the only module that knows ansible-runner.

Nothing stays on the disk: the runner's folder is temporary, its events are never written, and
it holds no secret, because the vault is opened by ansible-playbook itself.
"""

from __future__ import annotations

# Imported before any thread: it hooks into fork(), and a fork while it is being imported complains.
import concurrent.futures.thread  # noqa: F401
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ansible_runner  # type: ignore[import-untyped]

from turnout import openssh, secrets
from turnout.paths import INVENTORIES, PLAYBOOKS, REPOSITORY
from turnout.progress import Failure, Progress


class Listener(Protocol):
    """What is told of a run while it goes on."""

    def update(self, progress: Progress) -> None:
        """Show the state of the run; called after each event."""


@dataclass(frozen=True)
class Result:
    """How a playbook ended."""

    name: str
    env: str
    exit_code: int
    cancelled: bool
    progress: Progress

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.cancelled

    @property
    def failure(self) -> Failure | None:
        return self.progress.first_failure


def run(
    name: str,
    env: str,
    *,
    listener: Listener,
    check: bool = False,
    variables: dict[str, Any] | None = None,
    cancel: threading.Event | None = None,
) -> Result:
    """Run ``playbooks/<name>.yml`` against ``inventories/<env>``.

    Args:
        name: the playbook.
        env: the environment.
        listener: is told after each event.
        check: pass `--check --diff`.
        variables: extra variables; never secrets, they end up in the process list.
        cancel: end the run when this is set.

    Returns:
        The outcome; a failed run is a result and not an exception.
    """
    progress = Progress(run_began=time.monotonic())

    def on_event(event: dict[str, Any]) -> bool:
        progress.feed(event, time.monotonic())
        listener.update(progress)
        return False  # no event file

    with _scratch() as folder, _cancelled(cancel or threading.Event()) as cancelled:
        runner = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(REPOSITORY),
            playbook=str(PLAYBOOKS / f"{name}.yml"),
            inventory=str(INVENTORIES / env),
            extravars=variables or {},
            cmdline="--check --diff" if check else None,
            envvars=_environment(env),
            settings={"pexpect_timeout": 1},
            suppress_env_files=True,
            quiet=True,
            event_handler=on_event,
            cancel_callback=cancelled.is_set,
        )
    progress.run_ended = time.monotonic()
    return Result(name, env, int(runner.rc), cancelled.is_set(), progress)


def _environment(env: str) -> dict[str, str]:
    """The runner starts ansible-playbook by name and turns host key checking off by default."""
    # This environment's vault only: Ansible asks for each one it is told of. A file is read at
    # once; the client, which looks for a variable first, is a program to start.
    file = secrets.password_file(env)
    is_in_file = file.exists() and secrets.variable(env) not in os.environ
    identity = f"{env}@{file if is_in_file else INVENTORIES / 'vault-client.py'}"
    return {
        "ANSIBLE_VAULT_IDENTITY_LIST": os.environ.get("ANSIBLE_VAULT_IDENTITY_LIST", identity),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": os.environ.get("ANSIBLE_CONFIG", str(REPOSITORY / "ansible.cfg")),
        "ANSIBLE_HOST_KEY_CHECKING": os.environ.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        # The runner puts its own folder in place of the one that ansible.cfg names.
        "ANSIBLE_CALLBACK_PLUGINS": str(PLAYBOOKS.with_name("plugins") / "callback"),
        "ANSIBLE_NOCOLOR": "1",
        openssh.CONTROL_PATH_DIR: str(openssh.shared()),
    }


@contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        yield folder


@contextmanager
def _cancelled(event: threading.Event) -> Iterator[threading.Event]:
    """Yield ``event``; Ctrl-C or a cancelled CI job sets it, instead of a traceback here."""
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda *_: event.set()) for kind in kinds}
    try:
        yield event
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
