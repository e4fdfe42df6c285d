"""What may go wrong in the middle of a deploy or rollback, done to real VMs.

A fault hits a fleet with a play under way, and ends by itself: a machine comes up again, a network
comes back. A broken candidate is a release that was made to fail.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.fleet import DEAD_MAN_SECONDS, Fleet, Play
from tests.lab.site import Host
from turnout import lab as labs

# Longer than a host waits for its controller, and looks whether it still should.
GONE_SECONDS = DEAD_MAN_SECONDS + 15
# Only what SSH answers is swallowed: who asks the site goes on being answered.
# Protocol 6 is TCP; without /etc/protocols a host knows only the number.
SILENT = "ip rule {} ipproto 6 sport 22 blackhole"
FREE = "$(df --output=avail -k /srv | tail -1)"
# A byte of what was built, signed and not yet shipped.
DAMAGE = (
    "printf x | dd conv=notrunc bs=1 seek=300 "
    'of=".turnout/artifacts/${TURNOUT_RELEASE%-*}/code.tar.gz"'
)
# Python's alone: a shell that is killed as well is a connection that breaks off.
IN_THE_CALL = (
    "for call in $(pgrep -f '^(/usr/bin/)?python3 .*host.pyz (call|rollback)'); "
    "do kill -KILL $call; done"
)


@dataclass
class Scene:
    """A play under way, and the host that something happens to.

    Args:
        host: never the first one, which has the database.
        gone: hosts whose visitors may notice, because the machine itself is away.
    """

    fleet: Fleet
    play: Play
    host: Host
    gone: list[Host] = field(default_factory=list)


def controller_is_killed(scene: Scene) -> None:
    scene.play.send(signal.SIGKILL)


def controller_is_cancelled(scene: Scene) -> None:
    """As Ctrl-C does, or a CI job that is cancelled."""
    scene.play.send(signal.SIGTERM)


def controller_sleeps(scene: Scene) -> None:
    """The laptop is closed, and opened again when the hosts have given it up."""
    scene.play.send(signal.SIGSTOP)
    time.sleep(GONE_SECONDS)
    scene.play.send(signal.SIGCONT)


def controller_loses_the_network(scene: Scene) -> None:
    silence(scene.fleet.hosts)


def host_cannot_be_reached(scene: Scene) -> None:
    silence([scene.host])


def silence(hosts: list[Host], seconds: float = GONE_SECONDS) -> None:
    """Let SSH of these hosts be silent for a while, on connections that are open as well."""
    with ExitStack() as after:
        for host in hosts:
            host.inside(SILENT.format("add"))
            after.callback(host.inside, SILENT.format("del"))
        time.sleep(seconds)


def host_loses_its_power(scene: Scene) -> None:
    scene.gone.append(scene.host)
    labs.reboot(scene.host.vm.name, lab=scene.host.lab.name, hard=True)


def call_on_a_host_is_killed(scene: Scene) -> None:
    """The program that works there for the controller, whatever it does at that instant."""
    scene.host.inside(IN_THE_CALL)


def idle_gunicorn_is_killed(scene: Scene) -> None:
    """The candidate's master, if it runs by now; else the warm slot's."""
    live = next(s["live"] for s in scene.fleet.states() if s["host"] == scene.host.vm.name)
    slot = "green" if live == "blue" else "blue"
    unit = f"{scene.fleet.name}@{slot}.service"
    scene.host.inside(f"systemctl kill --kill-whom=main --signal=KILL {unit} || true")


@contextmanager
def small_disk(host: Host, free_kilobytes: int) -> Iterator[None]:
    """Let the host's `/srv` be a disk with this much room."""
    size = "$(( $(du -sm /srv | cut -f1) + 80 ))m"
    host.inside(f"mkdir -p /mnt/small && mount -t tmpfs -o size={size} tmpfs /mnt/small")
    try:
        host.inside("cp -a /srv/. /mnt/small && mount --bind /mnt/small /srv")
        host.inside(f"fallocate -l $(( {FREE} - {free_kilobytes} ))K /srv/.ballast")
        yield
    finally:
        host.run("umount /srv; umount /mnt/small; rmdir /mnt/small")


def fill_up(host: Host) -> str:
    """Return the hook that fills a small disk: preflight has found room, nothing is written yet."""
    command = f"fallocate -l $(( {FREE} - 64 ))K /srv/.more"
    return f"docker exec {host.vm.name} sh -c '{command}'"


Fault = Callable[[Scene], None]
FAULTS: dict[str, Fault] = {
    "the controller is killed": controller_is_killed,
    "the controller is cancelled": controller_is_cancelled,
    "the controller sleeps": controller_sleeps,
    "the controller loses the network": controller_loses_the_network,
    "a host cannot be reached": host_cannot_be_reached,
    "a host loses its power": host_loses_its_power,
    "a call on a host is killed": call_on_a_host_is_killed,
    "the idle gunicorn is killed": idle_gunicorn_is_killed,
}

# Put at the end of the candidate's code; its slot runs it, and no command does.
IN_THE_SLOT = """

import os, signal, threading  # noqa
if os.environ.get("TURNOUT_SLOT"):
    {}
"""
CRASHES = "threading.Timer({}, lambda: os.kill(os.getppid(), signal.SIGKILL)).start()"
TOO_MUCH = "too_much = b'x' * (600 * 2**20)"


@dataclass(frozen=True)
class Broken:
    """A candidate that fails: by a setting, or by a line of code that its slot runs.

    Args:
        cause: words of the error that people read.
        memory: what each slot of the host may use, in megabytes; 0 for no limit.
    """

    cause: str
    settings: dict[str, Any] = field(default_factory=dict)
    line: str = ""
    memory: int = 0


CANDIDATES = {
    "its migration fails": Broken(
        "app_migrate_command failed", settings={"app_migrate_command": "false"}
    ),
    "its migration hangs": Broken(
        "app_migrate_command took longer than 4 s",
        settings={"app_migrate_command": "sleep 600", "app_command_timeout_seconds": 4},
    ),
    "it crashes at start": Broken("crashes at start", line="os.kill(os.getppid(), signal.SIGKILL)"),
    "it crashes while it soaks": Broken(
        "did not stay",
        settings={"app_health": {"path": "/ready", "soak_seconds": 6}},
        line=CRASHES.format(2),
    ),
    "it needs too much memory": Broken(
        "did not become healthy",
        settings={"app_health": {"path": "/ready", "start_timeout_seconds": 8}},
        line=TOO_MUCH,
        memory=300,
    ),
}


@contextmanager
def broken(fleet: Fleet, candidate: Broken) -> Iterator[None]:
    """Let the next candidate be this one."""
    code = Path(fleet.source) / "hello/__init__.py"
    before = code.read_text()
    if candidate.line:
        code.write_text(before + IN_THE_SLOT.format(candidate.line))
    limit = f"/run/systemd/system/{fleet.name}@.service.d"
    lines = f"[Service]\\nMemoryMax={candidate.memory}M\\nMemorySwapMax=0\\n"
    try:
        for host in fleet.hosts if candidate.memory else []:
            host.inside(f"mkdir -p {limit} && printf '{lines}' > {limit}/memory.conf")
            host.inside("systemctl daemon-reload")
        yield
    finally:
        code.write_text(before)
        for host in fleet.hosts if candidate.memory else []:
            host.inside(f"rm -r {limit} && systemctl daemon-reload")
