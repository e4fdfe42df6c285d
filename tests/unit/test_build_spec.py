"""Settings are checked before anything is started."""

import pytest

from turnout_build import AppSpec, BuildError, Target


def test_plain_values_of_an_inventory_become_a_spec(tmp_path):
    spec = AppSpec.from_settings({"source": str(tmp_path), "packages": [], "python": None})

    assert spec == AppSpec(source=tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sauce": "x"}, "unknown: sauce"),
        ({"source": ""}, "app_source and app_packages are both empty"),
        ({"source": "/nowhere"}, "app_source is /nowhere, which is no folder"),
        ({"source": "/", "requirements": ""}, "app_requirements and app_packages are both empty"),
    ],
)
def test_settings_from_which_nothing_can_be_built_are_named(settings, said):
    with pytest.raises(BuildError, match=said):
        AppSpec.from_settings(settings)


@pytest.mark.parametrize(
    ("packages", "lines"),
    [
        (("httpbin==0.10.2",), ("httpbin==0.10.2", "gunicorn")),
        (("httpbin", "gunicorn<24"), ("httpbin", "gunicorn<24")),
        (("gunicorn-extras",), ("gunicorn-extras", "gunicorn")),
    ],
)
def test_an_app_that_is_only_packages_gets_a_gunicorn_unless_it_pins_its_own(packages, lines):
    assert AppSpec(packages=packages).requirement_lines == lines


@pytest.mark.parametrize(("glibc", "uv"), [("2.36", "36"), ("2.41", "40"), ("2.30", "28")])
def test_uv_is_asked_for_the_newest_platform_the_host_can_run(glibc, uv):
    assert Target("3.11", "x86_64", glibc).uv_platform == f"x86_64-manylinux_2_{uv}"


def test_a_host_takes_wheels_up_to_its_own_glibc():
    platforms = Target("3.11", "aarch64", "2.36").wheel_platforms

    assert platforms[0] == "manylinux_2_36_aarch64"
    assert "manylinux2014_aarch64" in platforms
    assert not any("_37_" in platform for platform in platforms)


@pytest.mark.parametrize(
    "facts",
    [
        {"python": "2.7", "machine": "x86_64", "glibc": "2.36"},
        {"python": "3.11", "machine": "x86_64", "glibc": ""},
        {"python": "3.11", "machine": "x86_64", "glibc": "2.12"},
        {"python": "3.11"},
    ],
)
def test_a_host_no_wheel_can_be_chosen_for_is_refused(facts):
    with pytest.raises(BuildError, match="A host cannot be built for"):
        Target.from_facts(facts)
