"""Talk to hosts over SSH, several at once; the only module that knows Fabric.

Host keys are always verified: against `UserKnownHostsFile` of `ansible_ssh_common_args`
where the inventory pins one, else against the user's own known_hosts.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import re
import shlex
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import paramiko  # type: ignore[import-untyped]
from fabric import Config, Connection  # type: ignore[import-untyped]
from invoke.exceptions import CommandTimedOut

from turnout import answers
from turnout.environment import Host
from turnout.reach import HostError, unreachable

# As the host itself starts it: alone, without what others have installed.
PROGRAM = ("python3", "-IS", "/usr/local/lib/turnout/host.pyz")
CONNECT_SECONDS = 6
CHANNEL_SECONDS = 20
KEEPALIVE_SECONDS = 5
# A machine that swaps is late with its answers, too.
SILENCE_SECONDS = 30
MOST_AT_ONCE = 32

# It logs a traceback of what it raises as well; a person is told once, in words.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

# What comes of a connection that was lost. EOFError is no OSError.
LOST = (OSError, EOFError, paramiko.SSHException)

T = TypeVar("T")
_open: dict[Host, Connection] = {}


def on_each(hosts: list[Host], action: Callable[[Host], T]) -> dict[str, T | HostError]:
    """Return what ``action`` gave for each host, by name; a `HostError` where it failed."""

    def attempt(host: Host) -> T | HostError:
        try:
            return action(host)
        except HostError as error:
            return error

    with ThreadPoolExecutor(max_workers=min(len(hosts), MOST_AT_ONCE)) as pool:
        results = pool.map(attempt, hosts)
        return {host.name: result for host, result in zip(hosts, results, strict=True)}


def program(host: Host, app: str, verb: str, *arguments: str, timeout: int = 20) -> dict[str, Any]:
    """Run a verb of the host program and return the JSON document it prints.

    Args:
        host: where.
        app: the app's name.
        verb: `status`, `rollback`, …
        arguments: further arguments.
        timeout: seconds that the program may take.

    Raises:
        HostError: not reachable, no program there, or the program's own error.
    """
    words = [*PROGRAM, verb, "--app", app, *arguments]
    code, output, errors = _run(connected(host), host, words, timeout)
    return answers.judged(host, output, errors, code=code, app=app)


def output(host: Host, words: list[str], *, timeout: int = 20) -> str:
    """Run ``words`` as root on ``host`` and return what they print.

    Raises:
        HostError: not reachable, or the command failed.
    """
    code, text, errors = _run(connected(host), host, words, timeout)
    if code != 0:
        raise HostError(host.name, f"'{words[0]}' ended with code {code}", errors or text)
    return text


def fetch(host: Host, remote: str, local: Path) -> None:
    """Copy the file ``remote`` of ``host`` to ``local``.

    Raises:
        HostError: not reachable, or there is no such file to be read.
    """
    try:
        connected(host).get(remote, str(local))
    except LOST as error:
        raise HostError(host.name, f"{remote} cannot be fetched", _words(error)) from error


def stream(host: Host, words: list[str], out: Any) -> None:
    """Run ``words`` as root on ``host`` and write what they print to ``out`` as it comes.

    Raises:
        HostError: not reachable, or not any more.
    """
    command = as_root(host, words)
    try:
        connected(host).run(command, warn=True, out_stream=out, err_stream=out)
    except LOST as error:
        raise HostError(host.name, "the connection was lost", _words(error)) from error


def session(host: Host, words: list[str]) -> paramiko.Channel:
    """Begin to run ``words`` as root on ``host``; return the channel to talk to them.

    Raises:
        HostError: not reachable.
    """
    transport = connected(host).transport
    try:
        channel = transport.open_session(timeout=CHANNEL_SECONDS)
        # It would wait for ever for a machine that is frozen; closed, it gives up.
        guard = threading.Timer(CHANNEL_SECONDS, channel.close)
        guard.start()
        try:
            channel.exec_command(as_root(host, words))
        finally:
            guard.cancel()
    except LOST as error:
        raise HostError(host.name, "no command can be run", _words(error)) from error
    return channel


def connected(host: Host) -> Connection:
    """Return an open connection to ``host``, the same one while the process lives.

    Raises:
        HostError: it cannot be reached; the reason is told apart, with a remedy.
    """
    known = _open.get(host)
    if known is not None and known.is_connected:
        return known
    try:
        connection = _connection(host)
        connection.open()
    except Exception as error:  # paramiko raises a dozen kinds; each ends in words
        raise unreachable(host, _words(error), lab=_is_lab(host)) from error
    threading.Thread(target=_listen, args=[connection.transport], daemon=True).start()
    _open[host] = connection
    return connection


@atexit.register
def close() -> None:
    """Close all connections."""
    while _open:
        _open.popitem()[1].close()


def as_root(host: Host, words: list[str]) -> str:
    """Return the shell command that runs ``words`` as root on ``host``."""
    prefix = [] if host.user == "root" else ["sudo", "-n"]
    return shlex.join([*prefix, *words])


def options(host: Host) -> dict[str, str]:
    """Return the `-o` options of the host's `ansible_ssh_common_args`, names in lower case."""
    found, words = {}, shlex.split(host.ssh_args)
    for index, word in enumerate(words):
        text = words[index + 1] if len(word) == 2 and index + 1 < len(words) else word[2:]
        if word.startswith("-J"):
            found["proxyjump"] = text
        if word.startswith("-o") and text:
            name, value = [*re.split(r"\s*[= ]\s*", text, maxsplit=1), ""][:2]
            found[name.lower()] = value
    return found


def _connection(host: Host) -> Connection:
    how: dict[str, Any] = {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS}
    how |= {"channel_timeout": CHANNEL_SECONDS}
    if host.key_file:  # an agent may hold it, and its passphrase
        how |= {"key_filename": host.key_file, "look_for_keys": False}
    wanted = options(host)
    connection = Connection(
        host.address,
        user=host.user,
        port=host.port,
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs=how,
        gateway=_gateway(host, wanted),
        config=Config(overrides={"run": {"in_stream": False}}),
    )
    if isinstance(connection.gateway, Connection):
        # By `ProxyJump` of the user's own configuration; Fabric would take any key of that host.
        connection.gateway = _gateway(host, {"proxyjump": connection.ssh_config["proxyjump"]})
    _leave_out_missing(connection.connect_kwargs, host)
    _pin_host_keys(connection.client, wanted)
    return connection


def _gateway(host: Host, wanted: dict[str, str]) -> str | None:
    """Return the command that reaches the host through others, if the inventory names any.

    It is ssh's own, so host keys, agent and configuration on the way are those that Ansible uses.
    """
    command = wanted.get("proxycommand", "none")
    jump = wanted.get("proxyjump", "none")
    if command == "none" and jump != "none":
        *before, last = jump.split(",")
        through = ["-J", ",".join(before)] if before else []
        command = shlex.join(["ssh", "-W", "[%h]:%p", *through, f"ssh://{last}"])
    if command == "none":
        return None
    facts = {"%h": host.address, "%p": str(host.port or 22), "%r": host.user or "", "%%": "%"}
    return re.sub(r"%[hpr%]", lambda found: facts[found[0]], command)


def _leave_out_missing(how: dict[str, Any], host: Host) -> None:
    """ssh passes over keys of the user's configuration that are not there; paramiko does not.

    That the inventory's own is missing is for the operator to know.
    """
    how["key_filename"] = [
        file
        for file in how.get("key_filename") or []
        if file == host.key_file or Path(file).expanduser().exists()
    ]


def _pin_host_keys(client: Any, wanted: dict[str, str]) -> None:
    """Fabric would accept any key; we only do where the inventory says so in so many words."""
    files = shlex.split(wanted.get("userknownhostsfile", "~/.ssh/known_hosts"))
    for path in (Path(file).expanduser() for file in files):
        if path.is_file():
            client.load_host_keys(str(path))
    trusting = wanted.get("stricthostkeychecking") == "no"
    client.set_missing_host_key_policy(
        paramiko.MissingHostKeyPolicy() if trusting else paramiko.RejectPolicy()
    )


def _listen(transport: Any) -> None:
    """Ask now and then whether the host is there; end a connection on which it no longer answers.

    Paramiko's own keepalives miss no answer, and TCP sees no further than the next proxy. A global
    request that nobody knows is answered as well (RFC 4254, 4).
    """
    while transport.is_active():
        guard = threading.Timer(SILENCE_SECONDS, transport.close)
        guard.daemon = True
        guard.start()
        with contextlib.suppress(*LOST):
            transport.global_request("keepalive@turnout", wait=True)
        guard.cancel()
        time.sleep(KEEPALIVE_SECONDS)


def _run(
    connection: Connection, host: Host, words: list[str], timeout: int
) -> tuple[int, str, str]:
    try:
        result = connection.run(as_root(host, words), hide=True, warn=True, timeout=timeout)
    except CommandTimedOut as error:
        raise HostError(
            host.name,
            f"no answer to '{shlex.join(words)}' within {timeout} s",
            next_step=f"look at the load of {host.name}: is it out of memory or disk?",
        ) from error
    except LOST as error:
        raise HostError(host.name, "the connection was lost", _words(error)) from error
    return result.exited, result.stdout, result.stderr


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_lab(host: Host) -> bool:
    return bool(host.key_file) and "/.turnout/lab/" in str(host.key_file)
