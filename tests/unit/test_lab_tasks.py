"""The verbs for the lab: what they ask for, and the list that they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from invoke import Context

from turnout import lab as labs
from turnout import lab_list, lab_state, lab_tasks, lab_vm
from turnout.lab_state import Lab, Vm, save

LAB = Lab("local", "turnout-local", "198.18.0.0/24")
VM = Vm("turnout-local-1", 1, "bookworm", "198.18.0.11", 18022, 18080, 18443)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab of two VMs on record, of which the engine has one."""
    folder = tmp_path / ".turnout/lab"
    for module in (lab_state, lab_list):
        monkeypatch.setattr(module, "LABS", folder)
    monkeypatch.setattr(lab_list, "REPOSITORY", tmp_path)
    monkeypatch.setattr(lab_vm, "states", lambda lab: {VM.name: "running"})
    second = replace(VM, name="turnout-local-2", number=2)
    return LAB.with_vm(VM).with_vm(second)


def run(verb: object, *arguments: object, **options: object) -> None:
    verb(Context(), *arguments, **options)  # type: ignore[operator]


def test_the_list_says_of_each_vm_whether_it_runs(
    recorded: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    run(lab_tasks.lab_list)
    assert capsys.readouterr().out == "No lab yet. Next: ./inv lab.up\n"

    save(recorded)
    run(lab_tasks.lab_list)

    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["turnout-local-1", "running"]
    assert second.split()[:2] == ["turnout-local-2", "missing"]


@pytest.mark.parametrize(
    ("flag", "release"), [("", None), ("12", "bookworm"), ("both", "both"), ("trixie", "trixie")]
)
def test_up_takes_debian_by_number_or_name_and_lists_the_lab(
    recorded: Lab,
    flag: str,
    release: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        labs, "up", lambda *what, **more: asked.append((*what, more)) or save(recorded)
    )

    run(lab_tasks.lab_up, hosts=2, debian=flag, packages="nginx,python3-venv")

    packages = ["nginx", "python3-venv"]
    assert asked == [(2, release, {"lab": "local", "packages": packages})]
    assert "turnout-local-2" in capsys.readouterr().out


def test_down_removes_the_lab_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(labs, "down", asked.append)

    run(lab_tasks.lab_down, lab="other")

    assert asked == ["other"]
