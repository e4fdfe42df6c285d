"""Stands in for the programs the host library starts, and keeps what they would change on disk.

On disk, for the state of systemd outlives a deploy that is killed; so does this one's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_host.layout import SLOTS, Layout

STOPPED = {"ActiveState": "inactive", "SubState": "dead", "MainPID": 0, "NRestarts": 0}
RUNNING = {"ActiveState": "active", "SubState": "running", "NRestarts": 0}
# Announced before each program, so that a test can die at that instant.
PROGRAM_EVENT = "turnout.program"


class FakeSystemd:
    """Takes the place of ``units.run``; ``calls`` has each command line as one string."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.calls: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {}
        self._file = layout.root / "systemd.json"
        # A test may change a service while the code it tests looks at it.
        self._lock = threading.RLock()

    def __call__(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 60,
        text: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        sys.audit(PROGRAM_EVENT, argv[0])
        line = " ".join(argv)
        self.calls.append(line)
        for part, (code, output) in self.answers.items():
            if part in line:
                return subprocess.CompletedProcess(argv, code, output)
        if argv[1] == "is-active":
            return subprocess.CompletedProcess(argv, 0 if self._timer(argv[2]).exists() else 3)
        with self._lock:
            return subprocess.CompletedProcess(argv, 0, self._play(list(argv)))

    def set(self, slot: str, **shown: Any) -> None:
        """Make ``systemctl show`` say this of a slot's service."""
        with self._lock:
            state = self._load()
            state[slot] = {**state.get(slot, STOPPED), "loaded": "", **shown}
            self._save(state)

    def loaded(self, slot: str) -> str:
        """Return the drop-in that systemd had read when it started the slot last."""
        return str(self._load().get(slot, {}).get("loaded", ""))

    def is_running(self, slot: str) -> bool:
        return bool(self._load().get(slot, STOPPED)["MainPID"])

    def called(self, part: str) -> list[str]:
        """Return the commands that contain ``part``."""
        return [call for call in self.calls if part in call]

    def _play(self, argv: list[str]) -> str:
        if argv[0] == "systemctl":
            return str(getattr(self, "_" + argv[1].replace("-", "_"))(argv[2:]) or "")
        if argv[0] == "systemd-run" and any(one.startswith("--unit=") for one in argv):
            self._run(argv)
        if argv[1:3] == ["-m", "venv"]:
            _make_venv(Path(argv[3]))
        if argv[1:4] == ["-m", "pip", "install"]:
            _install(Path(argv[0]).parents[1])
        if argv[1] == "venv":
            _make_venv(Path(argv[-1]))
        if argv[1:3] == ["pip", "install"]:
            _install(Path(argv[argv.index("--python") + 1]).parents[1])
        return f"log of {argv[2]}\n" if argv[0] == "journalctl" else ""

    def _show(self, arguments: list[str]) -> str:
        state = self._load()
        if "--value" in arguments:
            units = arguments[3:]
            return "\n".join(state.get(_slot(unit), STOPPED)["ActiveState"] for unit in units)
        shown = [state.get(slot, STOPPED) for slot in map(_slot, arguments[2:])]
        return "\n".join("".join(f"{k}={v}\n" for k, v in block.items()) for block in shown)

    def _status(self, arguments: list[str]) -> str:
        return "".join(f"● {unit}\n" for unit in arguments if "@" in unit)

    def _daemon_reload(self, _arguments: list[str]) -> None:
        state = self._load()
        state["read"] = {
            slot: self.layout.drop_in(slot).read_text()
            for slot in SLOTS
            if self.layout.drop_in(slot).exists()
        }
        self._save(state)

    def _start(self, arguments: list[str]) -> None:
        if arguments[-1].endswith(".service"):
            slot = _slot(arguments[-1])
            pid = 1000 + len(self.calls)
            read = self._load().get("read", {}).get(slot, "")
            self.set(slot, **RUNNING, MainPID=pid, loaded=read)

    def _timer(self, unit: str) -> Path:
        return self.layout.transient(unit)

    def _run(self, arguments: list[str]) -> None:
        """Remember a timer of systemd-run's until it is stopped."""
        (unit,) = (one.removeprefix("--unit=") for one in arguments if one.startswith("--unit="))
        if any(one.startswith("--on-active=") for one in arguments):
            timer = self._timer(f"{unit}.timer")
            timer.parent.mkdir(parents=True, exist_ok=True)
            timer.touch()

    def _stop(self, arguments: list[str]) -> None:
        for unit in arguments:
            if unit.endswith(".timer"):
                self._timer(unit).unlink(missing_ok=True)
            if unit.endswith(".service"):
                self.set(_slot(unit), **STOPPED)

    def _reset_failed(self, _arguments: list[str]) -> None:
        """Nothing is counted here."""

    def _load(self) -> dict[str, Any]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}

    def _save(self, state: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(state))


def _slot(unit: str) -> str:
    return unit.partition("@")[2].partition(".")[0]


def _make_venv(path: Path) -> None:
    (path / "bin").mkdir(parents=True)
    (path / "bin/python").write_text("")
    (path / "lib").mkdir()


def _install(path: Path) -> None:
    (path / "lib/one.py").write_text("")
    (path / "lib/two.py").write_text("")
