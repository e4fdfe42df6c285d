"""What the tests of whole commands share."""

from __future__ import annotations

import pytest

from tests.clone import PASSWORD, Clone, make


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose `prod` has its secrets and no host that is there."""
    made = make(tmp_path_factory.mktemp("clone"), "prod")
    assert made.invoke("secrets.init", "--env", "prod", **PASSWORD).code == 0
    return made
