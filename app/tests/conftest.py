"""An app of its own for each test, with the names a deploy would give it."""

import pytest

from hello import create_app

DEPLOYED = {"SECRET_KEY": "only for tests", "RELEASE": "20260101-abc", "SLOT": "green"}


@pytest.fixture
def client():
    return create_app({"TESTING": True, **DEPLOYED}).test_client()
