"""How processes share the tests: with ``--dist=each`` each reads and runs a part of the files.

pytest-xdist has every process read all tests, which for small ones takes longer than to run them.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
# A byte of what acts on a host's files takes so much longer to run than one of another test.
HOST_WEIGHT = 3


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: some tests wait a little, and others compute meanwhile."""
    return (os.cpu_count() or 1) + 1


def pytest_configure_node(node: Any) -> None:
    """Tell a process how many share; its own number is in its name (gw0, gw1, ...)."""
    if node.config.option.dist == "each":
        node.workerinput["share"] = int(node.gateway.id.removeprefix("gw"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files of others alone."""
    given = getattr(config, "workerinput", {})
    if "share" not in given or not collection_path.match("test_*.py"):
        return None
    ignored = tuple(Path(str(path)).resolve() for path in config.getoption("ignore") or ())
    owners = shares(given["workercount"], ignored)
    return owners.get(collection_path, given["share"]) != given["share"] or None


@cache
def shares(count: int, ignored: tuple[Path, ...] = (), root: Path = ROOT) -> dict[Path, int]:
    """Return whose each file of tests is: about as much for each, the largest dealt first."""
    sizes = {
        path: path.stat().st_size * (HOST_WEIGHT if path.parent.name == "host" else 1)
        for path in sorted(root.rglob("test_*.py"))
        if not any(path.is_relative_to(one) for one in ignored)
    }
    loads, owners = [0] * count, {}
    for path in sorted(sizes, key=lambda path: -sizes[path]):
        owners[path] = loads.index(min(loads))
        loads[owners[path]] += sizes[path]
    return owners
