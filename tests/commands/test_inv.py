"""What the wrapper promises, with a Python on PATH that only pretends."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "readlink", "cat", "cmp", "mkdir", "mv", "rm", "cp", "chmod", "flock")

# Makes a .venv whose pip "installs" an invoke that tells how it was called.
PYTHON = r"""#!/bin/sh
case "$1" in
  -c) [ -z "${OLD_PYTHON:-}" ] || exit 1
      case "$0 $2" in */system/*ensurepip* | */slow/*enable-optimizations*) exit 1 ;; esac
      readlink -f "$0" ;;
  -m) echo "$2" >> "$LOG"
      if [ "$2" = venv ]; then
        shift $(($# - 1))
        mkdir -p "$1/bin" "$1/lib/python3.12/site-packages"
        cp "$0" "$1/bin/python"
        exit
      fi ;;
esac
if [ "$2" = pip ]; then
  [ -z "${BREAK_PIP:-}" ] || exit 1
  printf '#!/bin/sh\necho "$PWD|$VIRTUAL_ENV|${PATH%%%%:*}|$*"\n' > .venv/bin/invoke
  chmod +x .venv/bin/invoke
fi
"""


class Checkout:
    """A copy of the wrapper with a requirements file, and a PATH with nothing else on it."""

    def __init__(self, root: Path, programs: Path) -> None:
        self.root, self.programs = root, programs
        self.log = programs / "log"

    def inv(self, *arguments: str, cwd: Path | None = None, **environment: str) -> tuple[int, str]:
        """Run the wrapper; return its exit code and all it printed."""
        done = subprocess.run(
            [str(self.root / "inv"), *arguments],
            cwd=cwd or self.root,
            env={"PATH": str(self.programs), "LOG": str(self.log), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=20,
        )
        return done.returncode, done.stdout

    def installs(self) -> int:
        return self.log.read_text().splitlines().count("pip") if self.log.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, programs = tmp_path / "a clone", tmp_path / "bin"
    root.mkdir()
    programs.mkdir()
    text = (REPOSITORY / "inv").read_text()
    _program(root / "inv", text.replace("system=/usr/bin", f"system={programs}/system"))
    (root / "requirements.txt").write_text("invoke==2\n")
    for tool in TOOLS:
        (programs / tool).symlink_to(str(shutil.which(tool)))
    _program(programs / "python3", PYTHON)
    _program(programs / "id", "#!/bin/sh\necho 1000\n")
    return Checkout(root, programs)


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_first_start_makes_the_environment_and_runs_invoke(checkout):
    code, said = checkout.inv("deploy", "--env", "a b")

    root = checkout.root
    assert code == 0
    assert said.splitlines()[-1] == f"{root}|{root}/.venv|{root}/.venv/bin|deploy --env a b"
    assert "making .venv" in said


def test_programs_of_the_environment_seldom_go_through_all_that_they_imported(checkout):
    venv.create(checkout.root / "usual", with_pip=False)
    checkout.inv("status")

    (line,) = (checkout.root / ".venv").rglob("*.pth")
    (packages,) = (checkout.root / "usual").glob("lib/python3*/site-packages")
    shutil.copy(line, packages)
    said = subprocess.run(
        [checkout.root / "usual/bin/python", "-c", "import gc; print(gc.get_threshold()[0])"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (said.stdout, said.stderr) == ("50000\n", "")


def test_second_start_asks_no_python_at_all(checkout):
    checkout.inv("status")
    _program(checkout.programs / "python3", '#!/bin/sh\necho pip >> "$LOG"\nexit 99\n')

    code, said = checkout.inv("status")

    assert (code, checkout.installs()) == (0, 1)
    assert "making" not in said


def test_it_works_from_another_folder_and_through_a_link(checkout, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(checkout.root / "inv")

    done = subprocess.run(
        [str(link), "status"],
        cwd="/",
        env={"PATH": str(checkout.programs), "LOG": str(checkout.log)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith(f"{checkout.root}|")


def test_an_install_that_failed_is_not_trusted_by_the_next_start(checkout):
    code, said = checkout.inv("status", BREAK_PIP="1")
    assert code == 1
    assert "pip could not install requirements.txt" in said

    code, said = checkout.inv("status")

    assert code == 0
    assert checkout.installs() == 2


def test_an_environment_without_the_stamp_is_made_anew(checkout):
    checkout.inv("status")
    (checkout.root / ".venv/.made-by-inv").unlink()
    leftover = checkout.root / ".venv/leftover"
    leftover.touch()

    checkout.inv("status")

    assert checkout.installs() == 2
    assert not leftover.exists()


def test_other_requirements_make_another_environment(checkout):
    checkout.inv("status")
    (checkout.root / "requirements.txt").write_text("invoke==2.1\n")

    checkout.inv("status")

    assert checkout.installs() == 2


def test_a_clone_that_was_moved_gets_a_new_environment(checkout):
    checkout.inv("status")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))

    code, said = checkout.inv("status")

    assert (code, checkout.installs()) == (0, 2)
    assert said.splitlines()[-1].startswith(f"{checkout.root}|")


def test_a_python_that_went_away_is_replaced(checkout):
    old = checkout.programs / "python3.12"
    _program(old, PYTHON)
    checkout.inv("status")
    assert str(old) in (checkout.root / ".venv/.made-by-inv").read_text()
    old.unlink()

    code, _ = checkout.inv("status")

    assert (code, checkout.installs()) == (0, 2)


def test_a_python_that_was_built_unoptimised_is_passed_over_and_may_install_all_the_same(checkout):
    system, slow = checkout.programs / "system/python3", checkout.programs / "slow/python3"
    for one in (system, slow):
        one.parent.mkdir()
        _program(one, PYTHON)
    (checkout.programs / "python3").unlink()

    code, said = checkout.inv("status", PATH=f"{slow.parent}:{checkout.programs}")

    assert (code, checkout.installs()) == (0, 1)
    assert f"making .venv with {system}" in said
    assert str(system) in (checkout.root / ".venv/.made-by-inv").read_text()
    assert not (checkout.root / ".venv/installer").exists()


def test_an_unoptimised_python_is_better_than_none(checkout):
    slow = checkout.programs / "slow/python3"
    slow.parent.mkdir()
    (checkout.programs / "python3").rename(slow)

    code, said = checkout.inv("status", PATH=f"{slow.parent}:{checkout.programs}")

    assert (code, checkout.installs()) == (0, 1)
    assert f"making .venv with {slow}" in said


def test_without_a_python_it_names_the_remedy(checkout):
    code, said = checkout.inv("status", OLD_PYTHON="1")

    assert code == 1
    assert "Python 3.11 or newer" in said
    assert "sudo apt-get install python3-venv" in said
    assert not (checkout.root / ".venv").exists()


def test_root_on_debian_gets_the_missing_python_installed(checkout):
    (checkout.programs / "python3").rename(checkout.programs / "later")
    _program(checkout.programs / "id", "#!/bin/sh\necho 0\n")
    unpack = f"cp {checkout.programs}/later {checkout.programs}/python3"
    _program(checkout.programs / "apt-get", f'#!/bin/sh\n[ "$2" = update ] || {unpack}\n')

    code, said = checkout.inv("status")

    assert code == 0
    assert "installing python3-venv with apt-get" in said


def test_two_first_starts_at_once_make_one_environment(checkout):
    arguments = [str(checkout.root / "inv"), "status"]
    environment = {"PATH": str(checkout.programs), "LOG": str(checkout.log)}

    both = [
        subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outcomes = [process.communicate(timeout=20)[0] for process in both]

    assert all(b"|status" in said for said in outcomes)
    assert checkout.installs() == 1


def test_the_wrapper_is_executable_and_ci_calls_exactly_its_test():
    assert os.access(REPOSITORY / "inv", os.X_OK)
    lines = (REPOSITORY / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["./inv test"]
