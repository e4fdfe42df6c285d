"""A program in the place of a real one: it answers as told, and remembers how it was called."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Stub:
    """A shell script that is found before the program whose name it has."""

    file: Path

    def answers(self, script: str) -> None:
        """Let it do this from now on; it runs in the folder that holds it."""
        calls = self.file.with_suffix(".calls")
        text = f'#!/bin/sh\necho "$*" >> {calls}\ncd {self.file.parent}\n{script}\n'
        self.file.write_text(text)
        self.file.chmod(0o755)

    def calls(self) -> list[str]:
        """Return the arguments of each call so far."""
        calls = self.file.with_suffix(".calls")
        return calls.read_text().splitlines() if calls.exists() else []


def stub(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Put a program called ``name`` before all others; it answers nothing until told."""
    folder.mkdir(exist_ok=True)
    made = Stub(folder / name)
    made.answers(":")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return made
