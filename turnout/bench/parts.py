"""What no deploy by Ansible can go without, each measured alone: the yardstick of a deploy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from turnout.bench.commands import run
from turnout.bench.scratch import Scratch
from turnout.bench.vm import Machine, plain

APP, HEALTH = "hello", "/ready"
FILES = Path(__file__).with_name("files")
TASKS = 10
EMPTY_PLAY = "`ansible-playbook`, empty play"
TASK = "one remote task (`ping`)"
CONNECTION = "one new SSH connection"
APP_START = "`systemctl start` to the app's first 200"
IMPORT = "`import invoke`"
# One deploy: six calls of the host, over one connection, and one start of the app.
NEEDED = {EMPTY_PLAY: 1.0, TASK: 6.0, CONNECTION: 1.0, APP_START: 1.0, IMPORT: 1.0}

Part = Callable[[], float]


def parts(scratch: Scratch, machine: Machine) -> dict[str, Part]:
    """Return what measures each part, in seconds, by the names of `NEEDED`."""
    return {
        EMPTY_PLAY: lambda: plain(_play(scratch, "localhost,", 0), scratch.path).seconds,
        TASK: lambda: one_task(scratch),
        CONNECTION: lambda: run(machine.ssh("true"), scratch.path).seconds,
        APP_START: lambda: app_start(machine),
        IMPORT: lambda: run([sys.executable, "-c", "import invoke"], scratch.path).seconds,
    }


def one_task(scratch: Scratch) -> float:
    """Return the seconds of a cheap task: what ten more of them add to a play with one."""
    one, many = (
        plain(_play(scratch, "inventories/local", tasks), scratch.path).seconds
        for tasks in (1, TASKS + 1)
    )
    return (many - one) / TASKS


def app_start(machine: Machine) -> float:
    """Return the seconds from the start of the app's idle slot to its first 200."""
    script = (FILES / "app_start.py").read_text()
    return float(machine.do("python3", "-", APP, HEALTH, text=script))


def play(hosts: str, tasks: int) -> str:
    """Return a play with so many tasks that do nothing."""
    head = f"- name: Nothing\n  hosts: {hosts}\n  gather_facts: false\n  tasks:"
    lines = [f"\n    - name: Ping {number}\n      ansible.builtin.ping:" for number in range(tasks)]
    return head + ("".join(lines) or " []") + "\n"


def _play(scratch: Scratch, inventory: str, tasks: int) -> list[str]:
    file = scratch.path / f".turnout/bench-{tasks}.yml"
    file.write_text(play("localhost" if inventory == "localhost," else "web", tasks))
    return ["ansible-playbook", "-i", inventory, str(file)]
