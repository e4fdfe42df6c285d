"""A CI's key goes to an agent and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.paths import REPOSITORY

PROGRAM = """
import os, subprocess
from turnout import ssh_agent
from turnout.errors import TurnoutError
try:
    ssh_agent.start_if_asked()
except TurnoutError as error:
    raise SystemExit(str(error))
print(os.environ.get("TURNOUT_SSH_KEY", "forgotten"), os.path.dirname(os.environ["SSH_AUTH_SOCK"]))
print(subprocess.run(["ssh-add", "-l"], capture_output=True, text=True).stdout)
"""


def started(key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        env={**os.environ, "TURNOUT_SSH_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def key(tmp_path: Path) -> str:
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "of a ci", "-f"]
    subprocess.run([*make, str(tmp_path / "key")], check=True)
    return (tmp_path / "key").read_text()


def test_the_agent_has_the_key_the_variable_is_gone_and_so_is_all_afterwards(key: str) -> None:
    ran = started(key)

    assert ran.returncode == 0, ran.stderr
    first, listed = ran.stdout.split("\n", 1)
    assert first.startswith("forgotten ")
    assert "of a ci" in listed
    assert not Path(first.split()[1]).exists()


def test_line_ends_that_a_web_form_changed_do_no_harm(key: str) -> None:
    assert "of a ci" in started(key.strip()).stdout


def test_what_is_no_key_is_told_without_showing_it() -> None:
    ran = started("hunter2")

    assert ran.returncode == 1
    assert "TURNOUT_SSH_KEY holds no private key" in ran.stderr
    assert "hunter2" not in ran.stderr + ran.stdout
