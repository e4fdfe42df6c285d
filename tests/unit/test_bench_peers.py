"""Other tools are compared on equal terms, and a missing one spoils nothing."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from turnout.bench import debian
from turnout.bench.commands import Cost
from turnout.bench.figures import Samples
from turnout.bench.peers import suite, team, tools
from turnout.bench.poller import Served
from turnout.bench.scratch import Scratch
from turnout.bench.vm import Machine
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY

MACHINE = Machine("vm", 18022, 18080, Path("/keys/id"), Path("/keys/known hosts"))


def test_a_recipe_gets_its_values_and_a_forgotten_one_is_an_error() -> None:
    assert team.fill("port @PORT@, a@B.c", {"PORT": "22"}) == "port 22, a@B.c"
    with pytest.raises(KeyError):
        team.fill("@SECRET@", {})


def test_the_team_has_the_app_and_every_recipe_filled_in(tmp_path: Path) -> None:
    made = team.make(Scratch(REPOSITORY), MACHINE, tmp_path / "team")

    for file in ("hello/__init__.py", "Capfile", "fujin.toml", ".fujin/systemd/web.service"):
        assert (made.path / file).exists(), file
    recipes = ("deploy.sh", "config/deploy/production.rb", "fujin.toml", "hosts")
    for file in recipes:
        text = (made.path / file).read_text()
        assert "18022" in text
        assert not re.search("@[A-Z_]{3,}@", text)


def test_a_change_is_another_version_for_every_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team.Team, "push", lambda self: None)
    made = team.make(Scratch(REPOSITORY), MACHINE, tmp_path / "team")
    before = (made.path / "pyproject.toml").read_text()

    version = made.change_code()

    assert f'__version__ = "{version}"' in (made.path / "hello/__init__.py").read_text()
    assert (made.path / "pyproject.toml").read_text() != before
    assert made.scratch.git("log", "-1", "--format=%s").strip() == version


def test_the_usual_playbook_is_as_long_as_those_of_tutorials() -> None:
    (play,) = yaml.safe_load((team.RECIPES / "ansible/deploy.yml").read_text())

    assert 20 <= len(play["tasks"]) <= 25
    assert "gather_facts" not in play


def test_a_program_that_is_missing_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")

    assert tools.CAPISTRANO.missing() == (
        "cap is not on this machine: apt-get install capistrano ruby-ed25519 ruby-bcrypt-pbkdf"
    )
    assert not debian.is_here("wrk")


class FakeTeam:
    """A team whose changes go nowhere."""

    path = Path()

    def change_code(self) -> str:
        return "1"


def comparison(*present: tools.Tool) -> suite.Comparison:
    bench: Any = SimpleNamespace()
    repository: Any = FakeTeam()
    return suite.Comparison(bench, repository, list(present))


def test_a_tool_that_fails_three_times_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> Served:
        raise TurnoutError("`fujin deploy` failed")

    unlocked: list[str] = []
    compared = comparison(tools.FUJIN_TOOL, tools.FLOOR)
    monkeypatch.setattr(compared, "_deploy", fails)
    compared.bench.machine = SimpleNamespace(do=unlocked.append)

    assert [compared.attempt(tools.FUJIN_TOOL) for _ in range(2)] == [None, None]
    assert compared.tools == [tools.FUJIN_TOOL, tools.FLOOR]
    compared.attempt(tools.FUJIN_TOOL)

    assert compared.tools == [tools.FLOOR]
    assert compared.left_out == {"fujin": "it failed 3 times, last: `fujin deploy` failed"}
    assert unlocked == [tools.FUJIN_TOOL.unlock] * 3


def test_each_round_begins_with_another_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def done(name: str) -> Served:
        order.append(name)
        return Served(Cost(1.0, 1.0, 1.0, ""), 2.0, 0)

    compared = comparison(tools.FLOOR, tools.USUAL)
    monkeypatch.setattr(compared, "with_turnout", lambda: done("us"))
    monkeypatch.setattr(compared, "attempt", lambda tool: done(tool.key))
    for number in range(4):
        compared.round(number)

    assert [order[index] for index in (0, 3, 6, 9)] == ["us", "rsync", "ansible", "us"]
    assert compared.served.figures()["Turnout"].values == (2.0,) * 4


def test_the_report_holds_turnout_against_those_that_took_part() -> None:
    compared = comparison(tools.CAPISTRANO, tools.USUAL)
    for name, command, served in (
        (suite.US, 5.0, 4.0),
        (tools.CAPISTRANO.name, 4.0, 5.0),
        (tools.USUAL.name, 15.0, 16.0),
    ):
        compared.commands.add(name, command)
        compared.served.add(name, served)
        compared.refused[name] = 0
    compared.left_out["fujin"] = "it cannot be installed"

    report = suite.report(compared, 1, "here")

    assert [(one.name, one.value, one.is_met) for one in report.ratios] == [
        ("until the new version is served: Turnout / Capistrano", 0.8, True),
        ("until the new version is served: the usual Ansible playbook / Turnout", 4.0, True),
        ("whole command: the usual Ansible playbook / Turnout", 3.0, True),
    ]
    assert "- fujin was left out: it cannot be installed" in report.markdown()


def test_samples_without_a_tool_make_no_ratio() -> None:
    samples = Samples()
    samples.add(suite.US, 1.0)

    assert suite.ratios(samples.figures(), samples.figures()) == []
