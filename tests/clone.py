"""A clone of the repository, as a team has one: to make mistakes in that a person makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import REPOSITORY

BIN = Path(sys.executable).parent
PARTS = (
    "app",
    "inventories",
    "playbooks",
    "plugins",
    "roles",
    "turnout",
    "ansible.cfg",
    "tasks.py",
)
PASSWORD = {"TURNOUT_VAULT_PASSWORD_PROD": "a password of the tests"}
LEFT_OUT = shutil.ignore_patterns("__pycache__", "vault.yml", ".*_cache")


@dataclass(frozen=True)
class Ran:
    """How a command ended, and all that it showed, in the order in which it came."""

    code: int
    output: str

    def error(self) -> str:
        """Return what stands last on the screen: a line, indented lines, the next step."""
        lines = self.output.rstrip().splitlines()
        start = len(lines) - 2
        while start > 0 and lines[start].startswith("  "):
            start -= 1
        return "\n".join(lines[start:])


@dataclass(frozen=True)
class Clone:
    """A working copy with an `inventories/` and an `app/` of its own."""

    path: Path
    env: str
    variables: dict[str, str]

    def invoke(self, *arguments: str, **variables: str) -> Ran:
        """Run a verb as a developer does."""
        return self._run([str(BIN / "invoke"), *arguments], variables)

    def ansible(self, playbook: str, *arguments: str, **variables: str) -> Ran:
        """Run a playbook as a sysadmin does, without the Python layer."""
        argv = [str(BIN / "ansible-playbook"), *arguments, f"playbooks/{playbook}.yml"]
        return self._run(argv, variables)

    def _run(self, argv: list[str], variables: dict[str, str]) -> Ran:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TURNOUT_", "ANSIBLE_"))}
        path = f"{BIN}{os.pathsep}{kept['PATH']}"
        done = subprocess.run(
            argv,
            cwd=self.path,
            env={**kept, "PATH": path, "LC_ALL": "C.UTF-8", **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    @property
    def settings_folder(self) -> Path:
        """Where the environment keeps its settings."""
        return self.path / "inventories" / self.env / "group_vars/all"

    @contextmanager
    def settings(self, **settings: Any) -> Iterator[None]:
        """Let these settings win over the environment's own."""
        file = self.settings_folder / "zz_mistake.yml"
        file.write_text(yaml.safe_dump(settings))
        try:
            yield
        finally:
            file.unlink()

    @contextmanager
    def changed(self, name: str, old: str, new: str) -> Iterator[None]:
        """Put ``new`` in place of ``old`` in a file."""
        file = self.path / name
        text = file.read_text()
        assert old in text, f"{old!r} is not in {name}"
        file.write_text(text.replace(old, new, 1))
        try:
            yield
        finally:
            file.write_text(text)


def make(folder: Path, env: str, **variables: str) -> Clone:
    """Copy what a team edits and runs; no secrets, no lab, nothing that was built."""
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, folder / part)
    return Clone(folder, env, variables)


def assert_one_error(ran: Ran, *parts: str) -> None:
    """One error, the last thing on the screen, with a remedy and without a traceback."""
    error = ran.error()
    assert ran.code != 0, ran.output
    assert error.splitlines()[-1].startswith("Next: "), ran.output
    # An app's own traceback is evidence, and indented.
    assert not any(line.startswith("Traceback") for line in ran.output.splitlines()), ran.output
    if "PLAY RECAP" not in ran.output:  # Ansible shows each failure twice before it sums up
        assert ran.output.count("Next: ") == 1, ran.output
    for part in parts:
        assert part in error, ran.output


def assert_no_host_was_asked(ran: Ran) -> None:
    """The hosts of `prod` and `staging` have names that nobody has: asking them would show."""
    assert "resolve hostname" not in ran.output
    assert "unreachable=1" not in ran.output
