"""A team's command runs in the repository, knows the deploy, and fails in its own words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.action import turnout_hook, turnout_lease, turnout_webhook
from tests.conftest import REPOSITORY
from turnout_build import tools

KNOWN: dict[str, Any] = {
    "point": "before_switch", "timeout_seconds": 10.0, "app": "hello", "environment": "prod",
    "release": "r2", "hosts": ["web1", "web2"], "cause": "", "variables": {}, "must": True,
}  # fmt: skip


@pytest.mark.parametrize("action", [turnout_hook, turnout_lease, turnout_webhook])
def test_what_runs_on_the_controller_takes_what_its_documentation_says(action: Any) -> None:
    name = str(action.__name__).rpartition(".")[2]
    text = (REPOSITORY / f"plugins/modules/{name}.py").read_text(encoding="utf-8")
    options = yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])["options"]

    assert set(action.ARGUMENTS) == set(options)
    for option, told in options.items():
        taken = action.ARGUMENTS[option]
        assert taken["type"] == told["type"], option
        assert taken.get("required", False) == told.get("required", False), option


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(turnout_hook.ActionBase, "run", lambda *_: {})

    def run_hook(command: str, *, check: bool = False, **given: Any) -> dict[str, Any]:
        action = object.__new__(turnout_hook.ActionModule)
        action._task = type("Task", (), {"check_mode": check})
        known = {**KNOWN, "folder": str(tmp_path), "command": command, **given}
        action.validate_argument_spec = lambda argument_spec: (None, known)
        return dict(action.run())

    return run_hook


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps a pipe open is given less than a second."""
    monkeypatch.setattr(tools, "_PIPE_SECONDS", 0.1)


def test_a_hook_runs_in_the_folder_and_knows_the_deploy(run: Any, tmp_path: Path) -> None:
    names = "$TURNOUT_ENV $TURNOUT_APP $TURNOUT_RELEASE $TURNOUT_HOOK $TURNOUT_HOSTS"

    assert run(f'echo "{names} ${{TURNOUT_CAUSE-no cause}}" > here') == {"changed": True}

    said = (tmp_path / "here").read_text()
    assert said == "prod hello r2 before_switch web1 web2 no cause\n"


def test_after_a_failure_it_knows_the_cause(run: Any, tmp_path: Path) -> None:
    run('echo "$TURNOUT_CAUSE" > here', cause="it's $HOME; rm -rf /")

    assert (tmp_path / "here").read_text() == "it's $HOME; rm -rf /\n"


def test_a_hook_that_fails_is_told_by_point_command_and_output(run: Any) -> None:
    result = run("echo tried; echo no such record >&2; exit 3")

    assert result["failed"]
    assert result["cause"].startswith("the hook before_switch failed with exit code 3: `echo tried")
    assert result["evidence"] == "tried\nno such record"
    assert "app_hooks" in result["next_step"]


def test_a_hook_stops_at_its_first_command_that_fails(run: Any, tmp_path: Path) -> None:
    assert run("false\ntouch here")["failed"]
    assert not (tmp_path / "here").exists()


def test_a_hook_that_hangs_is_ended_with_all_it_started(run: Any) -> None:
    result = run("echo begun; sleep 60 & wait", timeout_seconds=0.3)

    assert "did not end within 0.3 s" in result["cause"]
    assert result["evidence"] == "begun"


def test_a_hook_ends_at_its_timeout_though_a_daemon_has_its_output(run: Any, quick: None) -> None:
    began = time.monotonic()

    result = run("setsid sleep 5 & echo begun; exec sleep 60", timeout_seconds=0.3)

    assert time.monotonic() - began < 3
    assert "did not end within 0.3 s" in result["cause"]
    assert result["evidence"] == "begun"


@pytest.mark.parametrize(("code", "failed"), [(0, False), (3, True)])
def test_a_daemon_that_keeps_a_hooks_output_is_not_waited_for(
    run: Any, quick: None, code: int, failed: bool
) -> None:
    began = time.monotonic()

    result = run(f"setsid sleep 5 & echo begun; exit {code}", timeout_seconds=60)

    assert time.monotonic() - began < 3
    assert bool(result.get("failed")) == failed
    assert result.get("evidence", "begun") == "begun"


def test_what_a_hook_leaves_to_its_background_is_waited_for(run: Any, tmp_path: Path) -> None:
    made = tmp_path / "made"

    result = run(f"(sleep 1.5; echo made > {made}) & echo begun", timeout_seconds=30)

    assert not result.get("failed")
    assert made.exists()


def test_what_a_hook_leaves_to_its_background_has_the_same_timeout(run: Any) -> None:
    result = run("sleep 60 & echo begun", timeout_seconds=0.3)

    assert "did not end within 0.3 s" in result["cause"]


def test_a_hook_that_must_not_undo_anything_is_a_warning(run: Any) -> None:
    result = run("echo no chat; exit 1", point="after_commit", must=False)

    assert not result.get("failed")
    (warning,) = result["warnings"]
    assert "the hook after_commit failed with exit code 1" in warning
    assert "no chat" in warning


def test_what_only_the_hook_is_given_is_not_shown(run: Any) -> None:
    result = run('echo "$TOKEN"; exit 1', variables={"TOKEN": "s3cret-token", "N": 1})

    assert result["evidence"] == "***"
    assert "s3cret" not in str(result)


def test_no_hook_runs_in_check_mode(run: Any, tmp_path: Path) -> None:
    assert run("touch here", check=True)["skipped"]
    assert not (tmp_path / "here").exists()
