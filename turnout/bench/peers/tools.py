"""The tools that are compared: how each is started, and where it comes from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.bench import debian
from turnout.bench.commands import BIN
from turnout.paths import WORK

FUJIN = WORK / "venvs/fujin"
LOCK = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class Tool:
    """One way to deploy.

    Attributes:
        key: its folder on the host, and the first label of its site's name.
        name: what the table calls it.
        argv: the whole command, run in the team's repository.
        missing: why it cannot be compared here, '' if it can.
        unlock: what a person runs on the host after a deploy that died.
    """

    key: str
    name: str
    argv: tuple[str, ...]
    missing: Callable[[], str]
    unlock: str = "true"

    @property
    def site(self) -> str:
        return f"{self.key}.peers.localhost"


def _from_debian(program: str, *packages: str) -> Callable[[], str]:
    return lambda: "" if debian.is_here(program, *packages) else debian.hint(program, *packages)


def _fujin() -> str:
    """Install it once, from the lock, into an environment of its own."""
    if (FUJIN / "bin/fujin").exists():
        return ""
    uv = str(BIN / "uv")
    locked = ["--python", str(FUJIN / "bin/python"), "--require-hashes", "--requirement", str(LOCK)]
    for command in (
        [uv, "venv", "--quiet", "--clear", str(FUJIN)],
        [uv, "pip", "install", "--quiet", *locked],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"fujin cannot be installed: {done.stderr.strip().splitlines()[-1]}"
    return ""


FLOOR = Tool(
    "rsync",
    "rsync + `systemctl reload`, the floor",
    ("sh", "deploy.sh"),
    _from_debian("rsync"),
)
CAPISTRANO = Tool(
    "capistrano",
    "Capistrano",
    ("cap", "production", "deploy"),
    _from_debian("cap", "capistrano", "ruby-ed25519", "ruby-bcrypt-pbkdf"),
)
FUJIN_TOOL = Tool(
    "fujin",
    "fujin",
    (str(FUJIN / "bin/fujin"), "deploy", "--no-input"),
    _fujin,
    "rm -f /opt/fujin/peers-fujin/.install/.deploy_lock",
)
USUAL = Tool(
    "ansible", "the usual Ansible playbook", ("ansible-playbook", "deploy.yml"), lambda: ""
)
ALL = (FLOOR, CAPISTRANO, FUJIN_TOOL, USUAL)
