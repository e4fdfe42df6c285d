"""Killed between any two system calls: the site keeps serving, and the next call mends the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import kill_scenarios

REPOSITORY = Path(__file__).parents[2]
PATHS = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins/module_utils")])


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, Any]]:
    """What came of each operation, killed at each of its instants."""
    # Measuring coverage would double its time, and whoever is killed has counted nothing.
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", kill_scenarios.__name__],
        cwd=REPOSITORY,
        env={**unmeasured, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("operation", kill_scenarios.OPERATIONS)
def test_killed_at_any_instant_while(operation: str, outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[operation]

    assert "failure" not in outcome, outcome["failure"]
    assert outcome["instants"] > 2
