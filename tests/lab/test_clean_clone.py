"""What is committed passes a job of the workflow by itself, without files of a developer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from turnout.paths import REPOSITORY
from turnout.stages import lint_stages

# An environment of its own and all linters once more: who runs `./inv test` in a clean clone, as CI
# does, has shown the same.
pytestmark = pytest.mark.slow


def test_the_lint_job_passes_in_a_clean_clone(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TURNOUT_", "ANSIBLE_"))}
    done = subprocess.run(
        ["./inv", "ci", "--job", "lint"],
        cwd=REPOSITORY,
        env=kept | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
    assert "inv: made .venv" in done.stderr, "its own, not the developer's"
    assert done.stdout.rstrip().splitlines()[-1] == f"{len(lint_stages())} passed, 0 failed"
    assert list(tmp_path.iterdir()) == [], "the clone is gone"
