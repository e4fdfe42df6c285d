"""What is served on the VM: Turnout's own sites, and beside them what others configure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from turnout.bench.peers.host import send
from turnout.bench.peers.team import fill
from turnout.bench.vm import Machine

FILES = Path(__file__).with_name("files")
USUAL = "usual pair: nginx to one socket, gunicorn sync, 2 x cores + 1"
BARE = "bare gunicorn, sync, 2 x cores + 1"
BARE_GTHREAD = "bare gunicorn, gthread, workers and threads as ours"
ONE_LANE = "Turnout, threads, one lane"
BARE_PORT = 18900  # inside the VM, on its loopback only
# gunicorn's documentation: "(2 x $num_cores) + 1", and everything else by default.
DEFAULTS = "--workers $((2 * $(nproc) + 1)) --worker-class sync --threads 1 --max-requests 0"
# The hook that Turnout adds is part of what it configures; workers and threads are the same.
LIKE_OURS = "--workers $(nproc) --worker-class gthread --threads 4 --max-requests 0 --keep-alive 5"


@dataclass(frozen=True)
class Site:
    """One thing to load: what the table calls it, and where it answers in the VM."""

    name: str
    host: str
    path: str
    port: int = 80


@dataclass(frozen=True)
class App:
    """An app that Turnout has deployed: its name, what gunicorn imports, and a page."""

    name: str
    entry: str
    path: str


def usual(machine: Machine, app: App) -> Site:
    """Run the app as the usual pair of nginx and gunicorn, both with their defaults."""
    name = f"usual-{app.name}"
    _start(machine, app, name, f"unix:/run/{name}/app.sock", DEFAULTS)
    text = fill((FILES / "nginx.conf").read_text(), {"NAME": name})
    _site(machine, name, text)
    return Site(USUAL, name, app.path)


def bare(machine: Machine, app: App, number: int) -> Site:
    """Run the app behind gunicorn alone, with its defaults."""
    return _bare(machine, app, number, BARE, "sync", DEFAULTS)


def bare_gthread(machine: Machine, app: App, number: int) -> Site:
    """Run the app behind gunicorn alone, with as many workers and threads as Turnout gives it."""
    return _bare(machine, app, number, BARE_GTHREAD, "gthread", LIKE_OURS)


def one_lane(machine: Machine, app: App) -> Site:
    """Serve Turnout's own site once more, with one lane instead of twenty."""
    name = f"one-lane-{app.name}"
    text = machine.do(f"cat /etc/nginx/conf.d/{app.name}.conf")
    _site(machine, name, with_one_lane(text, name))
    return Site(ONE_LANE, name, app.path)


def with_one_lane(text: str, name: str) -> str:
    """Return a site of Turnout's under another name, with its first lane only."""
    text = re.sub(r"^ *server unix:\S+/(?!00)\d\d\.sock.*\n", "", text, flags=re.M)
    text = re.sub(r"turnout_\w+", lambda found: f"one_lane_{found[0]}", text)
    return re.sub(r"server_name [^_;]+;", f"server_name {name};", text)


def wait(machine: Machine, site: Site) -> None:
    """Wait until a site answers 200.

    Raises:
        TurnoutError: it does not; the message says what it answers.
    """
    script = (FILES / "answers.py").read_text()
    machine.do("python3", "-", str(site.port), site.host, site.path, text=script)


def _bare(machine: Machine, app: App, number: int, title: str, kind: str, options: str) -> Site:
    port = BARE_PORT + number
    _start(machine, app, f"bare-{kind}-{app.name}", f"127.0.0.1:{port}", options)
    return Site(title, "localhost", app.path, port)


def _start(machine: Machine, app: App, name: str, bind: str, options: str) -> None:
    """Start gunicorn with the code, environment and Python of the app's live slot."""
    known = {"NAME": name, "APP": app.name, "BIND": bind, "ENTRY": app.entry}
    known |= _live(machine, app.name) | {"OPTIONS": machine.do(f"echo {options}").strip()}
    text = fill((FILES / "gunicorn.service").read_text(), known)
    send(machine, "/run/systemd/system", {f"{name}.service": text.encode()})
    machine.do(f"systemctl daemon-reload && systemctl restart {name}")


def _live(machine: Machine, app: str) -> dict[str, str]:
    slot = machine.do(f"basename $(readlink /srv/{app}/live)").strip()
    drop_in = machine.do(f"cat /etc/systemd/system/{app}@{slot}.service.d/*.conf")
    return from_drop_in(drop_in.replace("%i", slot))


def from_drop_in(text: str) -> dict[str, str]:
    """Return where a release's code, environment and Python are, as its unit says."""
    found = {
        name: re.search(rf"^{key}=(\S+)", text, re.M)
        for name, key in (
            ("CODE", "WorkingDirectory"),
            ("ENVIRONMENT", "EnvironmentFile"),
            ("PYTHON", "ExecStart"),
        )
    }
    return {name: match[1] for name, match in found.items() if match}


def _site(machine: Machine, name: str, text: str) -> None:
    send(machine, "/etc/nginx/sites-enabled", {f"{name}.conf": text.encode()})
    machine.do("nginx -t -q && systemctl reload nginx")
