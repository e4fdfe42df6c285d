"""A working copy to measure in: its own lab, app and settings, so that nobody's work is touched.

It stays in `.turnout/bench/copy` between runs, with its caches and VMs, as a team's clone does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from turnout.bench.commands import Cost, environment, run
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY, WORK

FOLDER = WORK / "bench"
COPY = FOLDER / "copy"
VERSION_FILE = "app/hello/__init__.py"
VERSION_LINE = "__version__ = "
# Belongs to the copy alone, and survives when the files of the repository come anew.
_OWN = (".turnout", ".git", "vault.yml")
PREPARE_SECONDS = 1800.0  # sixteen VMs install their packages on the cores of one machine
SETTINGS = "inventories/local/group_vars/all/zz_bench.yml"


@dataclass(frozen=True)
class Scratch:
    """The working copy; every verb that is run in it acts on its own lab."""

    path: Path

    def invoke(self, *arguments: str, variables: dict[str, str] | None = None) -> Cost:
        """Run a verb as a person does, and return what it cost."""
        return run(["invoke", *arguments], self.path, variables)

    def prepare(self, *arguments: str) -> None:
        """Run a verb that is not measured, and may take its time."""
        print(f"Getting ready: invoke {' '.join(arguments)}", file=sys.stderr, flush=True)
        run(["invoke", *arguments], self.path, limit=PREPARE_SECONDS)

    def configure(self, settings: str) -> None:
        """Let these settings, as YAML, win over those of the environment `local`."""
        (self.path / SETTINGS).write_text(settings)

    def change_code(self) -> str:
        """Commit another version of the app, the smallest change of code there is; return it."""
        version = f"bench-{time.time_ns()}"
        file = self.path / VERSION_FILE
        lines = file.read_text().splitlines()
        changed = [f'{VERSION_LINE}"{version}"' if is_version(line) else line for line in lines]
        file.write_text("\n".join(changed) + "\n")
        self.commit(version)
        return version

    def commit(self, message: str) -> None:
        """Commit everything, as the person before a deploy has."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def git(self, *arguments: str) -> str:
        """Run git in the copy and return what it says."""
        who = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
        return _git(self.path, *who, *arguments)


def is_version(line: str) -> bool:
    """Say whether this is the line of the app that names its version."""
    return line.startswith(VERSION_LINE)


def make(path: Path = COPY, repository: Path = REPOSITORY) -> Scratch:
    """Bring the copy up to what lies in the repository now, committed or not.

    Raises:
        TurnoutError: the repository is no git checkout.
    """
    files = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    path.mkdir(parents=True, exist_ok=True)
    _empty(path)
    for name in filter(None, files.split("\0")):
        _copy(repository / name, path / name)
    if not (path / ".git").exists():
        _git(path, "init", "--quiet", "--initial-branch=main")
    scratch = Scratch(path)
    scratch.commit("What is measured")
    return scratch


def _empty(path: Path) -> None:
    for file in sorted(path.rglob("*"), reverse=True):
        if not set(_OWN) & {*file.relative_to(path).parts}:
            _remove(file)


def _remove(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        if not any(file.iterdir()):
            file.rmdir()
    else:
        file.unlink()


def _copy(source: Path, target: Path) -> None:
    if source.is_symlink() or source.exists():  # a deleted file is still in git's list
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TurnoutError(
            f"git {arguments[-1]} failed in {folder}",
            done.stderr,
            "the bench copies what git lists: run it in a git checkout",
        )
    return done.stdout
