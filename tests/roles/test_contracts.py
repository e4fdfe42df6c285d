"""Every role describes exactly the variables it accepts, and the mapping reaches them all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import REPOSITORY, ROLES, load_role_file, load_yaml

ROLE_NAMES = sorted(path.name for path in ROLES.iterdir())
MAPPING_FILE = ROLES / "app" / "vars" / "main.yml"
MAPPING = load_yaml(MAPPING_FILE)

# What a team may use in `app_env` and `app_config_files`; no role's variable.
PATHS_FOR_TEAMS = {"release_path", "release_config_path", "release_shared_path"}
# Settings the controller reads from the inventory; their description in the spec says so.
CONTROLLER_SIDE = {"app_url"}


def options(role: str) -> dict[str, Any]:
    """Return the options of a role's argument spec."""
    spec = load_role_file(role, "meta/argument_specs.yml")
    return dict(spec["argument_specs"]["main"].get("options", {}))


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_defaults_and_argument_spec_agree(role: str) -> None:
    optional = {name for name, option in options(role).items() if not option.get("required")}

    assert set(load_role_file(role, "defaults/main.yml")) == optional


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_defaults_are_written_in_one_place_only(role: str) -> None:
    assert all("default" not in option for option in options(role).values())


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_variables_carry_the_role_name(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in options(role))


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_internal_variables_say_that_they_are(role: str) -> None:
    handed_on = set() if role != "app" else {name for name in MAPPING if name[0] != "_"}
    internal = set(load_role_file(role, "vars/main.yml")) - handed_on

    assert all(name.startswith(f"__{role}_") for name in internal)


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_role_has_a_readme_with_its_outcome_and_two_examples(role: str) -> None:
    text = (ROLES / role / "README.md").read_text(encoding="utf-8")

    assert re.match(rf"# {role}: ", text)
    assert text.count("\n```\n") >= 2
    assert "Replaces:" in text


def test_mapping_names_only_variables_that_some_role_has() -> None:
    known = set().union(*(options(role) for role in ROLE_NAMES))

    internal = {name for name in MAPPING if name.startswith("__")}
    assert set(MAPPING) - PATHS_FOR_TEAMS - internal <= known


def test_every_setting_of_the_team_reaches_a_role() -> None:
    settings = set(options("app"))
    used = set(re.findall(r"\bapp_\w+", MAPPING_FILE.read_text(encoding="utf-8")))

    assert settings - used == CONTROLLER_SIDE
    assert used - settings == set()


def test_mapping_hands_each_role_what_it_requires() -> None:
    roles = [role for role in ROLE_NAMES if any(key.startswith(f"{role}_") for key in MAPPING)]
    required = {
        name for role in roles for name, option in options(role).items() if option.get("required")
    }

    assert required <= set(MAPPING)


@pytest.mark.parametrize("play", sorted((REPOSITORY / "playbooks").glob("*.yml")), ids=str)
def test_every_play_of_roles_reads_the_one_mapping_and_says_how_to_run_it(play: Any) -> None:
    text = play.read_text(encoding="utf-8")

    uses_roles = "release_" in text or "roles:" in text
    assert not uses_roles or "name: app\n        rolespec_validate: false" in text
    assert re.search(rf"^# +ansible-playbook -i inventories/\S+ playbooks/{play.name}", text, re.M)
