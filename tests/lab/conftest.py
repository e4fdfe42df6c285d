"""What the tests on VMs share: a lab of their own, so that nobody's `local` is disturbed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import small
from tests.lab.fleet import Fleet, small_fleet
from tests.lab.site import PROBES_A_SECOND, Host, Site, deployed
from turnout import lab as labs
from turnout.lab_state import Lab

NAME = "test"
FLEET = "fleet"
# That provision installs them is tried by Molecule's default scenario, on VMs that have nothing.
INSTALLED = ("nginx", "postgresql", "python3-venv")
# A minute or two each, most of it in few tests: begun last, they would be waited for.
LONG = ("test_bench.py", "test_apps.py", "test_deploy_workflow.py", "test_deploys_under_load.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs several VMs: a check of its own, that runs beside those on one.

    And put the longest files first.
    """
    items.sort(key=lambda item: item.path.name not in LONG)
    for item in items:
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.fleet)


@pytest.fixture(scope="session")
def lab(worker_id: str) -> Iterator[Lab]:
    """A lab of one VM for each process that runs tests, removed after them."""
    name = f"{NAME}-{worker_id}"
    made = labs.up(1, lab=name, packages=INSTALLED)
    yield made
    labs.down(name)


@pytest.fixture(scope="session")
def host(lab: Lab) -> Host:
    """The lab's VM."""
    return Host(lab, lab.vms[0])


@pytest.fixture(scope="module")
def site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The sample app, provisioned and deployed with a copy of its code that nobody has changed."""
    return deployed(host, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def small_site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The same with a small app under the sample app's name."""
    folder = tmp_path_factory.mktemp("site")
    return deployed(host, folder, code=small.CODE, **small.SETTINGS)


@pytest.fixture(scope="session")
def fleet(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A small app on a Debian 12 and a Debian 13, with one database for both.

    Each process that runs tests has one.

    What the sample app does on VMs is shown on one; two of its starts a deploy take longer than
    all that is tried here. There visitors ask more often, too.
    """
    name, folder = f"{FLEET}-{worker_id}", tmp_path_factory.mktemp("fleet")
    vms = labs.up(2, "both", lab=name, packages=INSTALLED)
    made = small_fleet(vms, folder, app_probe_rate=PROBES_A_SECOND)
    made.busy_pause_seconds = 0.2
    made.make()
    yield made
    labs.down(name)
