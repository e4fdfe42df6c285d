"""systemd, as far as slots need it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .atomic import write_file
from .errors import HostFailure
from .layout import Layout

# How long a stop that has begun is waited for, where a start may as well wait for it later.
STOP_SECONDS = 2
AT_REST = {"inactive", "failed"}
# How long a look at what went wrong may take.
LOOK_SECONDS = 10
SHOWN = (
    "Id,ActiveState,SubState,Result,MainPID,NRestarts,ExecMainStartTimestamp,ExecMainCode,"
    "ExecMainStatus,NAccepted,MemoryCurrent,TasksCurrent,DropInPaths,NeedDaemonReload"
)

# Alone: neither what others have installed nor their variables change it, and it starts in five
# sixths of the time.
HOST_PROGRAM = ("/usr/bin/python3", "-IS", "/usr/local/lib/turnout/host.pyz")
# How the folder from which it runs begins; the rest is its version.
UNPACKED = "host-"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class UnitState(NamedTuple):
    """What systemd says of a service (systemctl show)."""

    active: str
    sub: str
    main_pid: int
    restarts: int
    result: str

    @property
    def running(self) -> bool:
        return self.active == "active" and self.main_pid > 0

    @property
    def is_stopped(self) -> bool:
        """Say whether systemd has nothing more to do; one that crashes and restarts is not."""
        return self.active in AT_REST


def run(
    argv: Sequence[str], *, check: bool = True, timeout: float | None = 60, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed, both streams in ``stdout``.

    Raises:
        HostFailure: if ``check`` and it fails, or if it takes longer than ``timeout`` seconds.
    """
    try:
        done = subprocess.run(
            argv,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise HostFailure(
            f"{argv[0]} did not end within {timeout:.0f} s",
            "look at the host's load and its journal (journalctl -b -p warning)",
            _text(expired.stdout),
        ) from None
    if check and done.returncode != 0:
        raise HostFailure(
            f"`{' '.join(argv[:4])}` failed with exit code {done.returncode}",
            "look at the output and at the host's journal",
            done.stdout,
        )
    return done


def _text(said: bytes | str | None) -> str:
    """Return what a program had said by its timeout: bytes, even of one that is run as text."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


class Slots:
    """The slots of one app as systemd units.

    Args:
        layout: whose slots.
        run: starts programs; replaced in tests.
    """

    def __init__(self, layout: Layout, run: Run = run) -> None:
        self.layout = layout
        self.run = run

    def state(self, slot: str) -> UnitState:
        """Return the state of the slot's service."""
        return self.states([slot])[slot]

    def states(self, slots: Sequence[str]) -> dict[str, UnitState]:
        """Return the states of several slots in one call of systemctl."""
        names = [self.layout.service_unit(slot) for slot in slots]
        wanted = "ActiveState,SubState,MainPID,NRestarts,Result"
        shown = self.run(["systemctl", "show", "-p", wanted, *names]).stdout
        blocks = [dict(_pairs(block)) for block in shown.strip().split("\n\n")]
        return {slot: _unit_state(block) for slot, block in zip(slots, blocks, strict=True)}

    def point(self, slot: str, release: str) -> None:
        """Make ``slot`` hold ``release``; the slot must be stopped."""
        write_file(self.layout.held(slot), f"{release}\n".encode())
        drop_in = self.layout.drop_in(slot)
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        content = (self.layout.release(release) / "unit.conf").read_bytes()
        write_file(drop_in, content)
        # Also when it is the same: whoever wrote it may have been killed before this.
        if not self._has_read(slot):
            self.run(["systemctl", "daemon-reload"])

    def _has_read(self, slot: str) -> bool:
        """Say whether systemd knows the slot's drop-in as it is: reading all units takes it 0.1 s.

        NeedDaemonReload alone says nothing of a file in a folder that is new.
        """
        unit, wanted = self.layout.service_unit(slot), "NeedDaemonReload,DropInPaths"
        shown = dict(_pairs(self.run(["systemctl", "show", "-p", wanted, unit]).stdout.strip()))
        paths = shown.get("DropInPaths", "").split()
        return shown.get("NeedDaemonReload") == "no" and str(self.layout.drop_in(slot)) in paths

    def start(self, slot: str) -> None:
        """Start the slot's socket, then its service; does not wait until the app is up."""
        self.run(["systemctl", "start", self.layout.socket_unit(slot)])
        self.run(["systemctl", "start", "--no-block", self.layout.service_unit(slot)])

    def stop(self, slot: str) -> None:
        """Stop the socket *and* the service.

        A service alone would be started again by any stray connection, with
        whatever release the slot holds by then.
        """
        units = [self.layout.socket_unit(slot), self.layout.service_unit(slot)]
        self.run(["systemctl", "stop", *units], timeout=None)
        self.run(["systemctl", "reset-failed", *units], check=False)

    def stop_soon(self, slot: str) -> None:
        """Let systemd stop the socket and the service, and do not wait for it."""
        units = [self.layout.socket_unit(slot), self.layout.service_unit(slot)]
        self.run(["systemctl", "stop", "--no-block", *units])

    def waits_until_stopped(self, slot: str) -> bool:
        """Wait for a stop that has begun; say whether neither socket nor service runs then."""
        units = [self.layout.socket_unit(slot), self.layout.service_unit(slot)]
        states = self._active_states(units)
        if states == {"active"}:
            return False
        if not states <= AT_REST:
            try:  # systemd says when it is done: looks would take a hundredth of a second each
                self.run(["systemctl", "stop", *units], check=False, timeout=STOP_SECONDS)
            except HostFailure:
                return False
            states = self._active_states(units)
        return states <= AT_REST

    def _active_states(self, units: list[str]) -> set[str]:
        shown = self.run(["systemctl", "show", "-p", "ActiveState", "--value", *units]).stdout
        return set(shown.split())

    def has_nothing_to_stop(self, slot: str) -> bool:
        """Say whether the slot's socket and service are stopped, and neither has failed."""
        units = [self.layout.socket_unit(slot), self.layout.service_unit(slot)]
        shown = self.run(["systemctl", "show", "-p", "ActiveState,NRestarts", *units]).stdout
        blocks = [dict(_pairs(block)) for block in shown.strip().split("\n\n")]
        # A socket has no count of restarts.
        return all(
            block.get("ActiveState") == "inactive" and block.get("NRestarts", "0") == "0"
            for block in blocks
        )

    def log(self, slot: str, lines: int = 40, *, form: str = "cat", since: float = 0) -> str:
        """Return the last lines that the slot's service wrote.

        Args:
            form: journalctl's ``--output``; ``cat`` has no times.
            since: Unix time of the first of them.
        """
        unit = self.layout.service_unit(slot)
        argv = ["journalctl", "--unit", unit, "--lines", str(lines), "--no-pager", "-o", form]
        argv += [f"--since=@{since:.0f}"] if since else []
        return str(self.run(argv, check=False, timeout=LOOK_SECONDS).stdout)

    def describe(self, slot: str) -> str:
        """Return what systemd says of the slot's service and socket, for a person."""
        units = [self.layout.service_unit(slot), self.layout.socket_unit(slot)]
        told = ["systemctl", "status", "--no-pager", "--full", "--lines=0", *units]
        shown = ["systemctl", "show", "-p", SHOWN, *units]
        # A unit that does not run is an exit code of its own.
        return "\n".join(
            str(self.run(argv, check=False, timeout=LOOK_SECONDS).stdout) for argv in (told, shown)
        )


def _pairs(block: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (line.partition("=") for line in block.splitlines())]


def _unit_state(shown: dict[str, str]) -> UnitState:
    return UnitState(
        active=shown.get("ActiveState", "inactive"),
        sub=shown.get("SubState", ""),
        main_pid=int(shown.get("MainPID") or 0),
        restarts=int(shown.get("NRestarts") or 0),
        result=shown.get("Result", ""),
    )
