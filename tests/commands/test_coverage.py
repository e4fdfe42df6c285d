"""The gate: what was run, by tests and by the programs that they start, against what must be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from turnout import coverage, stages
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

GATE = re.compile(r"^fail_under = \d+", re.MULTILINE)
CODE = """def price(number, member):
    total = number * 2
    if member:
        total -= 1
    return total
"""
# Half of the test is in a program that it starts in a clone.
TEST = """import subprocess, sys
from turnout import price
assert price(2, False) == 4
program = "from turnout import price; price(2, {})"
subprocess.run([sys.executable, "-c", program], cwd={!r}, check=True)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a function of two branches, and a clone of it."""
    for folder in (tmp_path / "repository", tmp_path / "clone"):
        (folder / "turnout").mkdir(parents=True)
        (folder / "turnout/__init__.py").write_text(CODE)
    monkeypatch.setattr(stages, "tools", lambda: stages.BIN)
    # This test may be measured itself.
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)
    return tmp_path / "repository"


def measure(checkout: Path, *, fail_under: int, member_in_clone: bool) -> None:
    settings = (REPOSITORY / "pyproject.toml").read_text()
    (checkout / "pyproject.toml").write_text(GATE.sub(f"fail_under = {fail_under}", settings))
    (checkout / "run.py").write_text(TEST.format(member_in_clone, str(checkout.with_name("clone"))))
    subprocess.run(
        [sys.executable, "-m", "coverage", "run", "run.py"],
        cwd=checkout,
        env=os.environ | {"COVERAGE_FILE": str(checkout / "measured/data.unit")},
        check=True,
    )


def test_what_a_test_runs_in_a_clone_counts_for_the_repository(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(checkout, fail_under=100, member_in_clone=True)

    coverage.gate(checkout, checkout / "measured")

    assert "100.0% of the branches, 100.0% with the lines" in capsys.readouterr().out
    assert (checkout / "measured/html/index.html").exists()
    assert 'filename="turnout/__init__.py"' in (checkout / "measured/coverage.xml").read_text()


def test_branches_that_no_test_takes_shut_the_gate_though_the_lines_would_pass(
    checkout: Path,
) -> None:
    measure(checkout, fail_under=60, member_in_clone=False)

    with pytest.raises(
        TurnoutError, match=r"too little of the code: 60\.0% is the least"
    ) as caught:
        coverage.gate(checkout, checkout / "measured")

    assert caught.value.why == "50.0% of the branches, 71.4% with the lines"
    assert "index.html" in caught.value.next_step


def test_a_gate_before_any_check_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TurnoutError, match="No check has measured") as caught:
        coverage.gate(tmp_path, tmp_path)

    assert "test.unit --coverage" in caught.value.next_step


def test_counts_that_cannot_be_read_are_told_with_the_way_out(checkout: Path) -> None:
    (checkout / "measured").mkdir()
    (checkout / "measured/data.unit").write_text("half a fi")

    with pytest.raises(TurnoutError, match="`coverage combine` failed") as caught:
        coverage.gate(checkout, checkout / "measured")

    assert "rm -r .turnout/coverage" in caught.value.next_step
