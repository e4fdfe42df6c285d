"""Look into the live release on the hosts: its log, and a shell in it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import threading

from turnout import openssh, ssh
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.inventory import load
from turnout.reach import HostError
from turnout.status import SLOTS


def logs(env: str, *, host: str = "", lines: int = 100, follow: bool = False) -> None:
    """Print the journal of the live slot; with ``follow`` of both, so a switch stays in view.

    Args:
        env: the environment's name.
        host: only this host; empty means all.
        lines: how many lines back.
        follow: go on until Ctrl-C.

    Raises:
        HostError: a host could not be asked; the others have been.
    """
    environment = load(env)
    hosts = [environment.host(host)] if host else environment.hosts
    failed: list[HostError] = []

    def attempt(one: Host) -> None:
        try:
            prefix = f"{one.name}: " if len(hosts) > 1 else ""
            _print_log(one, environment.app, lines, follow, prefix)
        except HostError as error:
            failed.append(error)

    threads = [threading.Thread(target=attempt, args=(one,), daemon=True) for one in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed[1:]:
        print(error, file=sys.stderr)
    if failed:
        raise failed[0]


def _print_log(host: Host, app: str, lines: int, follow: bool, prefix: str) -> None:
    slots = SLOTS if follow else (live_slot(host, app),)
    words = ["journalctl", "--no-pager", "--output=short-iso", f"--lines={int(lines)}"]
    words += [f"--unit={app}@{slot}.service" for slot in slots]
    words += ["--follow"] if follow else []
    ssh.stream(host, words, _Prefixed(prefix))


class _Prefixed:
    """A stream that puts the host's name before each line."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._rest = prefix, ""

    def write(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            sys.stdout.write(f"{self._prefix}{line}\n")

    def flush(self) -> None:
        sys.stdout.flush()


def live_slot(host: Host, app: str) -> str:
    """Return the slot that takes traffic on ``host``.

    Raises:
        HostError: nothing was deployed there yet, or it does not answer.
    """
    live = ssh.program(host, app, "status").get("live")
    if not live:
        raise HostError(host.name, "nothing is live there", next_step="invoke deploy --env ENV")
    return str(live)


def shell(env: str, *, host: str = "", command: str = "") -> int:
    """Open a shell as the service user in the live release, with its environment.

    The unit's sandbox is not applied: a shell is for looking, and for what the sandbox forbids.

    Args:
        env: the environment's name.
        host: which host; may be left out where there is one.
        command: run this shell command instead and return.

    Returns:
        The exit code of the shell or the command.
    """
    environment = load(env)
    target = _one_host(environment, host)
    unit = f"{environment.app}@{live_slot(target, environment.app)}.service"
    words = inside(unit_facts(target, unit), command)
    line = [*openssh.command_line(target), ssh.as_root(target, words)]
    if command:
        line.remove("-t")
    return subprocess.run(line).returncode


def unit_facts(host: Host, unit: str) -> dict[str, str]:
    """Return what systemd knows of ``unit``: user, folder, environment and its file, program."""
    names = ("User", "Group", "WorkingDirectory", "Environment", "EnvironmentFiles", "ExecStart")
    words = ["systemctl", "show", *(f"--property={name}" for name in names), unit]
    output = ssh.output(host, words)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def inside(facts: dict[str, str], command: str) -> list[str]:
    """Return the command that runs a shell, or ``command``, the way the unit ``facts`` run."""
    program = re.search(r"path=(\S+)", facts.get("ExecStart", ""))
    path = f"{program[1].rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin" if program else ""
    properties = {
        "User": facts["User"],
        "Group": facts["Group"],
        "WorkingDirectory": facts["WorkingDirectory"],
        "EnvironmentFile": facts["EnvironmentFiles"].partition(" (")[0],
    }
    how = ["--pipe"] if command else ["--pty"]
    words = ["systemd-run", "--quiet", "--collect", "--wait", *how]
    words += [f"--property={name}={value}" for name, value in properties.items() if value]
    # No secrets: these are in the unit, for everybody on the host to read.
    words += [f"--setenv={entry}" for entry in shlex.split(facts.get("Environment", ""))]
    words += [f"--setenv=PATH={path}"] if path else []
    return [*words, "/bin/bash", *(["-c", command] if command else [])]


def _one_host(environment: Environment, name: str) -> Host:
    if name or len(environment.hosts) == 1:
        return environment.host(name or environment.hosts[0].name)
    raise TurnoutError(
        f"Environment {environment.name} has several hosts.",
        next_step=f"pass --host with one of: {', '.join(h.name for h in environment.hosts)}",
    )
