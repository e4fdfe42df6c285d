"""What the tests of the host library share: a tree to work on, and programs that are played."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site, serving
from turnout_host import drain, probe, start, switch
from turnout_host.layout import Layout
from turnout_host.units import Slots


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder with a short path, for a unix socket's may have 107 characters."""
    memory = making.MEMORY if os.access(making.MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="host-", dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def layout(root: Path) -> Layout:
    """A provisioned host of the app ``hello``."""
    layout = Layout("hello", root)
    making.provision(layout)
    return layout


@pytest.fixture
def systemd(layout: Layout) -> FakeSystemd:
    return FakeSystemd(layout)


@pytest.fixture
def slots(layout: Layout, systemd: FakeSystemd) -> Slots:
    return Slots(layout, systemd)


@pytest.fixture
def blue_site(layout: Layout) -> Iterator[Site]:
    """The app behind blue's socket."""
    with serving(Site(), layout.socket("blue")) as site:
        yield site


@pytest.fixture
def green_site(layout: Layout) -> Iterator[Site]:
    """The app behind green's socket."""
    with serving(Site(), layout.socket("green")) as site:
        yield site


@pytest.fixture
def nginx() -> Iterator[Site]:
    """The host's nginx, as verify asks it."""
    with serving(Site()) as site:
        yield site


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds are hundredths here, and nobody waits for the machine's disks."""
    monkeypatch.setattr(drain, "LAST_OLD_ANSWER_SECONDS", 0.02)
    monkeypatch.setattr(drain, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(probe, "FIRST_SECONDS", 0.02)
    for waiting in (drain, start, switch):
        monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(switch, "VERIFY_SECONDS", 0.1)
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int]]:
    """What was given to whom, by file name; nobody needs to be root for that."""
    given: dict[str, tuple[int, int]] = {}

    def chown(path: Path | int, user: int, group: int) -> None:
        sys.audit("os.chown", path, user, group, -1)
        named = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else Path(path)
        given[named.name] = (user, group)

    monkeypatch.setattr(os, "chown", chown)
    return given
