"""A newcomer's one command, and the same command again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from turnout import setup as under_test
from turnout.errors import TurnoutError
from turnout.paths import REPOSITORY


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text("# a key\nSECRET_KEY=\n#OTHER=1\n")
    return tmp_path


def test_settings_get_a_key_of_their_own_that_others_cannot_read(app: Path) -> None:
    under_test.make_settings(app)

    text = (app / ".env").read_text()
    key = text.split("SECRET_KEY=")[1].splitlines()[0]
    assert len(key) > 30
    assert text.replace(key, "") == (app / ".env.example").read_text()
    assert stat.S_IMODE((app / ".env").stat().st_mode) == 0o600


def test_settings_that_are_there_stay_as_they_are(app: Path) -> None:
    (app / ".env").write_text("SECRET_KEY=mine\n")

    under_test.make_settings(app)

    assert (app / ".env").read_text() == "SECRET_KEY=mine\n"


def test_an_app_without_settings_or_migrations_is_no_error(tmp_path: Path) -> None:
    under_test.make_settings(tmp_path)
    under_test.migrate(tmp_path)

    assert not (tmp_path / ".env").exists()


def test_the_environment_is_made_once_for_each_state_of_the_lock(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], folder: Path) -> None:
        ran.append(command)
        (folder / ".venv").mkdir(exist_ok=True)

    monkeypatch.setattr(under_test, "_run", run)
    (app / "requirements.txt").write_text("flask==3.1\n")

    under_test.make_environment(app)
    under_test.make_environment(app)
    assert len(ran) == 2, "a venv and an install, and nothing the second time"
    assert "--require-hashes" in ran[1]

    (app / "requirements.txt").write_text("flask==3.2\n")
    under_test.make_environment(app)
    assert len(ran) == 4


def test_a_step_that_fails_is_told_with_its_output(app: Path) -> None:
    (app / "requirements.txt").write_text("flask==3.1 --hash=sha256:00\n")

    with pytest.raises(TurnoutError, match=r"uv pip install.* failed") as caught:
        under_test.make_environment(app)

    assert "hash" in str(caught.value)
    assert not (app / ".venv/.made-by-setup").exists()


def test_the_last_line_is_the_next_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in ("make_environment", "make_settings", "migrate"):
        monkeypatch.setattr(under_test, step, lambda _app: None)

    under_test.setup(REPOSITORY / "app")

    assert ". app/.venv/bin/activate && flask --app app run" in capsys.readouterr().out
