"""The repository of a team that deploys the sample app with other tools, recipes and all."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from turnout.bench.commands import environment
from turnout.bench.scratch import FOLDER, VERSION_LINE, Scratch, is_version
from turnout.bench.vm import Machine

RECIPES = Path(__file__).with_name("files")
TEAM = FOLDER / "team"
# What each tool expects to find beside the app; the host's part is sent by `host.py`.
TOOLS = ("rsync", "capistrano", "fujin", "ansible")
ORIGIN = "ssh://root@127.0.0.1/srv/peers/origin.git"
IGNORED = "dist/\n__pycache__/\n"


@dataclass(frozen=True)
class Team:
    """The repository, and the VM that it is pushed to."""

    scratch: Scratch
    machine: Machine

    @property
    def path(self) -> Path:
        return self.scratch.path

    def change_code(self) -> str:
        """Commit and push another version of the app; return it."""
        version = f"bench-{time.time_ns()}"
        _rewrite(self.path / "hello/__init__.py", VERSION_LINE, f'{VERSION_LINE}"{version}"')
        _rewrite(self.path / "pyproject.toml", "version = ", f'version = "0.0.{time.time_ns()}"')
        self.scratch.commit(version)
        self.push()
        return version

    def push(self) -> None:
        """Push to the bare repository on the VM, as to the server that a team has."""
        ssh = shlex.join(["ssh", "-p", str(self.machine.ssh_port), *self.machine.ssh_options])
        subprocess.run(
            ["git", "push", "--quiet", "--force", ORIGIN, "HEAD:main"],
            cwd=self.path,
            env=environment({"GIT_SSH_COMMAND": ssh}),
            check=True,
        )


def make(copy: Scratch, machine: Machine, path: Path = TEAM) -> Team:
    """Lay the app of the copy and all recipes out anew."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(copy.path / "app", path, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for tool in TOOLS:
        lay_out(RECIPES / tool, path, values(machine))
    (path / ".gitignore").write_text(IGNORED)
    scratch = Scratch(path)
    scratch.git("init", "--quiet", "--initial-branch=main")
    scratch.commit("The app, and how it is deployed")
    return Team(scratch, machine)


def lay_out(source: Path, target: Path, known: dict[str, str]) -> None:
    """Copy a recipe, with the values it needs filled in."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        made = target / file.relative_to(source)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(fill(file.read_text(), known))


def fill(text: str, known: dict[str, str]) -> str:
    """Put values in place of @NAMES@; one that is not known is a mistake of ours.

    Raises:
        KeyError: a name has no value.
    """
    return re.sub(r"@([A-Z_]{3,})@", lambda found: known[found[1]], text)


def values(machine: Machine) -> dict[str, str]:
    """Return what recipes may ask for."""
    return {
        "PORT": str(machine.ssh_port),
        "KEY": str(machine.key),
        "KNOWN_HOSTS": str(machine.known_hosts),
        "SSH_OPTIONS": shlex.join(machine.ssh_options),
    }


def _rewrite(file: Path, start: str, line: str) -> None:
    lines = file.read_text().splitlines()
    same = is_version if start == VERSION_LINE else (lambda one: one.startswith(start))
    file.write_text("\n".join(line if same(one) else one for one in lines) + "\n")
