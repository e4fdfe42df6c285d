"""What a release's own command says is read by nobody before its secrets are out of it."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.host import making
from turnout_host import command, envfile
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout

SECRET = "s3cret-value"


def test_a_command_that_outlives_its_time_does_not_tell_its_secrets(layout: Layout) -> None:
    making.make_release(layout, "r1")
    (layout.release("r1") / "env").write_text(envfile.render({"KEY": SECRET}))
    # Cut in the middle of a secret, half of it would stay.
    said = SECRET + "." * (command.EVIDENCE_CHARACTERS - 4)

    def hangs(*_argv: Any, **_more: Any) -> Any:
        raise HostFailure("systemd-run did not end within 90 s", "look at the host", said)

    with pytest.raises(HostFailure, match="did not end within 90 s") as caught:
        command.run_in_release(
            layout, "r1", {"venv": "v1"}, "app up", what="migrate", timeout_seconds=60, run=hangs
        )

    failure = caught.value
    assert "alue" not in failure.evidence + failure.seen["log"]
    assert failure.next_step == "look at the host"


def test_a_command_whose_time_is_over_is_told_so_with_the_setting_to_raise(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.make_release(layout, "r1")
    (layout.release("r1") / "env").write_text("")

    clock = SimpleNamespace(monotonic=iter([0.0, 60.2]).__next__)
    monkeypatch.setattr(command, "time", clock)

    def is_ended(argv: list[str], **_more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(argv, 255, "half of it is done")

    with pytest.raises(command.OutOfTimeError) as caught:
        command.run_in_release(
            layout, "r1", {"venv": "v1"}, "app up", what="app_migrate_command", timeout_seconds=60,
            timeout_setting="app_command_timeout_seconds", run=is_ended,
        )  # fmt: skip

    failure = caught.value
    assert failure.cause == "app_migrate_command took longer than 60 s and was ended"
    assert "allow it more in app_command_timeout_seconds" in failure.next_step
    assert failure.evidence == "half of it is done"
