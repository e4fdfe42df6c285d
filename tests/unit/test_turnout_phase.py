"""Each phase is documented as what it takes, and a host that cannot answer is told in words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from turnout_host import phases

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def action() -> Any:
    from ansible.plugins.loader import action_loader

    action_loader.add_directory(str(REPOSITORY / "plugins/action"))
    loaded = action_loader.get("turnout_phase", class_only=True)
    return __import__(loaded.__module__, fromlist=["ARGUMENTS"])


def documented(phase: str) -> dict[str, Any]:
    text = (REPOSITORY / f"plugins/modules/turnout_{phase}.py").read_text(encoding="utf-8")
    words = text.split('DOCUMENTATION = r"""')[1].split('"""')[0]
    options: dict[str, Any] = yaml.safe_load(words)["options"]
    return options


def test_controller_and_host_know_the_same_phases(action: Any) -> None:
    assert set(action.ARGUMENTS) == set(phases.PHASES)


@pytest.mark.parametrize("phase", phases.PHASES)
def test_phase_takes_what_its_documentation_says(action: Any, phase: str) -> None:
    taken = {**action.APP, **action.ARGUMENTS[phase]}
    options = documented(phase)

    assert set(taken) == set(options)
    for name, option in options.items():
        assert taken[name].get("required", False) == option.get("required", False), name
        # A path on the controller and a word are the same to JSON.
        assert taken[name]["type"] == option["type"], name


@pytest.mark.parametrize("phase", phases.PHASES)
def test_phase_has_an_action(phase: str) -> None:
    assert (REPOSITORY / f"plugins/action/turnout_{phase}.py").exists()


@pytest.fixture(scope="module")
def stage() -> Any:
    from ansible.plugins.loader import action_loader

    action_loader.add_directory(str(REPOSITORY / "plugins/action"))
    return __import__(
        action_loader.get("turnout_stage", class_only=True).__module__, fromlist=["packed"]
    )


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    """What the host's kind installs: two wheels."""
    wheels = []
    for name in ("one.whl", "two.whl"):
        (tmp_path / name).write_text(name)
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        wheels.append({"file": name, "path": str(tmp_path / name), "sha256": sha256})
    return {"venv_key": "v1", "wheels": wheels}


def test_the_manifest_goes_before_everything_else(
    stage: Any, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    build = {"artifact_path": "/artifact", "signature": "by this environment's key"}

    files = stage.files_to_send(build, {"venvs": [], "wheels": []}, wanted, tmp_path)

    assert list(files) == [
        "manifest.json", "manifest.json.sig", "code.tar.gz", "wheels/one.whl", "wheels/two.whl",
    ]  # fmt: skip


def test_the_signature_that_is_sent_is_the_build_s_whatever_lies_beside_the_manifest(
    stage: Any, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    artifact, folder = tmp_path / "artifact", tmp_path / "folder"
    artifact.mkdir()
    folder.mkdir()
    (artifact / "manifest.json.sig").write_text("by another environment's key")
    build = {"artifact_path": str(artifact), "signature": "by this environment's key"}

    files = stage.files_to_send(build, {"venvs": ["v1"], "wheels": []}, wanted, folder)

    assert files["manifest.json.sig"].read_text() == "by this environment's key"


def test_without_a_signature_none_is_sent(
    stage: Any, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    build = {"artifact_path": "/artifact", "signature": ""}

    files = stage.files_to_send(build, {"venvs": ["v1"], "wheels": []}, wanted, tmp_path)

    assert list(files) == ["manifest.json", "code.tar.gz"]


def test_a_host_gets_only_the_wheels_that_it_lacks(
    stage: Any, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    build = {"artifact_path": "/artifact", "signature": ""}
    code = ["manifest.json", "code.tar.gz"]

    lacks = stage.files_to_send(
        build, {"venvs": [], "wheels": [wanted["wheels"][0]["sha256"]]}, wanted, tmp_path
    )
    has = stage.files_to_send(build, {"venvs": ["v1"], "wheels": []}, wanted, tmp_path)

    assert (list(lacks), list(has)) == ([*code, "wheels/two.whl"], code)


def test_a_wheel_that_rotted_here_is_not_sent_and_fetched_anew_the_next_time(
    stage: Any, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    (tmp_path / "two.whl").write_text("rotten")

    with pytest.raises(stage.AnsibleActionFail, match=r"two\.whl was damaged.*deploy again"):
        stage.files_to_send(
            {"artifact_path": "/artifact", "signature": ""},
            {"venvs": [], "wheels": []},
            wanted,
            tmp_path,
        )

    assert not (tmp_path / "two.whl").exists()


def ask(action: Any, answer: dict[str, Any]) -> dict[str, Any]:
    plugin = object.__new__(action.ActionModule)
    plugin._task = SimpleNamespace(check_mode=False)
    plugin.phase, plugin.host = "start", "web1"
    plugin.sent = []

    def execute(command: str, in_data: bytes) -> dict[str, Any]:
        plugin.sent.append((command, in_data))
        return answer

    plugin._low_level_execute_command = execute
    result = plugin.ask({"app": "hello", "environment": {"TOKEN": "s3cret"}})
    (command, sent) = plugin.sent[0]
    assert "s3cret" not in command
    assert b"s3cret" in sent
    return dict(result)


def test_answer_of_the_host_is_the_result(action: Any) -> None:
    answer = {"rc": 0, "stdout": '{"changed": true}', "stderr": ""}

    assert ask(action, answer) == {"changed": True}


def test_a_failure_bundle_is_written_and_only_its_folder_is_told(
    action: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(action.failures.keep, "__kwdefaults__", {"folder": tmp_path})
    told = {"failed": True, "cause": "ill", "failure_bundle": {"log.txt": "very long"}}

    result = ask(action, {"rc": 0, "stdout": json.dumps(told), "stderr": ""})

    folder = Path(result.pop("failure_folder"))
    assert result == {"failed": True, "cause": "ill"}
    assert (folder / "log.txt").read_text() == "very long"
    assert (folder.name, folder.parent.parent) == ("web1", tmp_path)


def test_a_bundle_that_cannot_be_written_hides_no_cause(
    action: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(action.failures.keep, "__kwdefaults__", {"folder": tmp_path / "file"})
    told = {"failed": True, "cause": "ill", "failure_bundle": {"log.txt": "very long"}}

    result = ask(action, {"rc": 0, "stdout": json.dumps(told), "stderr": ""})

    assert result["cause"] == "ill"
    assert "could not be kept" in result["warnings"][0]
    assert "very long" not in str(result)


def test_host_without_the_program_is_said_to_need_provisioning(action: Any) -> None:
    result = ask(action, {"rc": 2, "stdout": "", "stderr": "python3: can't open file 'host.pyz'"})

    assert result["failed"]
    assert "not provisioned" in result["cause"]
    assert "invoke provision" in result["next_step"]


def test_broken_program_is_told_with_what_it_said(action: Any) -> None:
    result = ask(action, {"rc": 1, "stdout": "", "stderr": "Traceback: zipimport"})

    assert "exit code 1" in result["cause"]
    assert "zipimport" in result["evidence"]
