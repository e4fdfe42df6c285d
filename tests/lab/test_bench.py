"""The figures in the docs can be measured again by anyone, with one command."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab


def test_a_deploy_is_measured_beside_its_unavoidable_parts() -> None:
    invoke = [sys.executable, "-m", "invoke"]
    command = [*invoke, "bench", "--runs", "1"]
    copy = str(REPOSITORY / ".turnout/bench/copy")
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    finally:
        down = [*invoke, "--search-root", copy, "lab.down"]
        subprocess.run(down, cwd=REPOSITORY, capture_output=True, check=False, timeout=120)

    for line in ("`deploy`, code changed, until served", "sum of the parts", "`rollback`, warm"):
        assert f"| {line} |" in done.stdout
    kept = re.search(r"^(.turnout/bench/\S+-deploy\.json)$", done.stdout, re.MULTILINE)
    assert kept, done.stdout
    assert json.loads((REPOSITORY / kept[1]).read_text())
