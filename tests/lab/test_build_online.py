"""Against the real package index: the sample app, and apps that exist only there."""

from pathlib import Path

import pytest

from tests.build_samples import BOOKWORM, TRIXIE
from turnout_build import AppSpec, BuildError, build

pytestmark = pytest.mark.lab
APP = Path(__file__).parents[2] / "app"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_the_sample_app_is_tested_and_built_for_both_debians(cache):
    spec = AppSpec(
        APP,
        allow_dirty=True,
        test_command="python -m pytest -q",
        test_requirements="requirements-dev.txt",
    )

    artifact = build(spec, [BOOKWORM, TRIXIE], cache, test=True)

    for one, tag in zip(artifact.wheel_sets, ("cp311", "cp313"), strict=True):
        (compiled,) = (wheel.file for wheel in one.wheels if wheel.name == "markupsafe")
        assert f"-{tag}-{tag}-" in compiled


def test_an_app_that_exists_only_as_a_package_is_built(cache):
    artifact = build(AppSpec(packages=("httpbin==0.10.2",)), [BOOKWORM], cache)

    names = {wheel.name for wheel in artifact.wheel_sets[0].wheels}
    assert {"httpbin", "flask", "gunicorn"} <= names


def test_a_package_that_nobody_publishes_is_named(cache):
    with pytest.raises(BuildError, match="turnout-no-such-package was not found"):
        build(AppSpec(packages=("turnout-no-such-package==1",)), [BOOKWORM], cache)
