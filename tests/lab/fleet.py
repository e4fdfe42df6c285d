"""Several VMs with one app on them, and deploys that a test can interrupt at a chosen moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.lab import small
from tests.lab.load import BUSY_PAUSE_SECONDS, Load
from tests.lab.load_report import report
from tests.lab.site import PROGRAM, Host, Site
from turnout import lab as labs
from turnout.lab_state import Lab
from turnout.paths import REPOSITORY

SOON_SECONDS = 90.0
# Of each host before something happens to it, and after it.
BUSY_REQUESTS = 25
ON_FIRST = "{{{{ {} if inventory_hostname == groups['web'][0] else [] }}}}"
DEAD_MAN_SECONDS = 20
# The lease, the watch's interval, and the stop of a slot on a busy machine.
BACK_SECONDS = DEAD_MAN_SECONDS + 10 + 20
# Debian's own server, on the first host, for all of them; only the lab's network reaches it.
DATABASE = """
set -e
conf=$(ls -d /etc/postgresql/*/main)
echo "listen_addresses = '*'" > $conf/conf.d/lab.conf
echo "host all all 198.18.0.0/15 trust" >> $conf/pg_hba.conf
systemctl restart postgresql
cd / && runuser -u postgres -- createuser {name} && runuser -u postgres -- createdb -O {name} {name}
"""


NAME = "hello"
CLIENTS = {"keep": 1, "close": 2, "quiet": 1, "rare": 1}
ASK = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect('{}'); "
    "s.sendall(b'GET /ready HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n'); "
    "assert b' 200 ' in s.recv(99)"
)
# Waits on the host, since a look from outside takes a tenth of a second of the processor.
NOTED = """
import sys, time
path, phase, *before = sys.argv[1:]
while True:
    try:
        text = open(path).read()
    except OSError:
        text = ''
    first = text.partition('\\n')[0]
    if first and first not in before and f'"phase": "{phase}"' in text:
        break
    time.sleep(0.05)
"""
# What a journal says last, and the phase that is under way then.
UNDER_WAY = {
    "begin": "Stage",
    "stage": "Migrate",
    "recall": "Start",
    "migrate": "Start",
    "schema": "Start",
    "start": "Switch",
    "from": "Switch",
    "switch": "Commit",
    "bake": "Commit",
    "park": "after",
    "commit": "after",
    "revert": "after",
}
ORDER = ("before", "Stage", "Migrate", "Start", "Switch", "Commit", "after")


class Play:
    """A deploy or rollback under way: a process group of its own, as a terminal gives one."""

    def __init__(self, argv: list[str], variables: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                argv,
                cwd=REPOSITORY,
                env=variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, kind: signal.Signals) -> None:
        """Send a signal to the controller and all that it has started."""
        os.killpg(self.process.pid, kind)
        if kind is signal.SIGKILL:
            self.process.wait()

    def end(self) -> tuple[int, str]:
        """Wait for its end and return exit code and output, on one line."""
        code = self.process.wait(timeout=300)
        return code, " ".join(self._log.read_text().split())


class Fleet(Site):
    """One app on every VM of a lab, by default the sample app."""

    # Between two requests of a busy client; longer where other fleets are on the machine.
    busy_pause_seconds = BUSY_PAUSE_SECONDS

    def __init__(self, lab: Lab, folder: Path, **settings: Any) -> None:
        self.hosts = [Host(lab, vm) for vm in lab.vms]
        self._folder = folder
        server = f"postgresql://{NAME}@{lab.vms[0].address}/{NAME}"
        known: dict[str, Any] = {
            "app_env": {"COOKIE_SECURE": "0", "DATABASE_URL": server},
            "app_migrate_on": "once",
            "app_apt_packages": ON_FIRST.format(["postgresql"]),
            "app_dead_man_seconds": DEAD_MAN_SECONDS,
            "app_probe_rate": 20,  # as everywhere
        }
        super().__init__(self.hosts[0], folder, **{**known, **settings})

    def make(self) -> None:
        """Provision the hosts, give them one database, and deploy the first release."""
        self.play("provision")
        done = self.hosts[0].run("sh -s", stdin=DATABASE.format(name=NAME).encode())
        assert done.returncode == 0, done.stderr
        self.deploy("0")

    def begin(self, version: str, **settings: Any) -> Play:
        """Begin to deploy another version, as a sysadmin would, and return at once."""
        (self.source / "hello/version.py").write_text(f'VERSION = "{version}"\n')
        argv, variables = self.command("deploy", **settings)
        return Play(argv, variables, self._folder / f"{version}.log")

    def begin_rollback(self, by: str = "playbook", **settings: Any) -> Play:
        """Begin to roll back, and return at once.

        Args:
            by: `playbook`, as a sysadmin would, or `invoke`, which goes past Ansible.
            settings: of the playbook; with `invoke` the hosts' own hold.
        """
        argv, variables = self.command("rollback", **settings)
        if by == "invoke":
            argv = [sys.executable, "-m", "invoke", "rollback", "--env", "local"]
        return Play(argv, variables, self._folder / "rollback.log")

    def roll_back(self, by: str = "playbook", **settings: Any) -> tuple[int, str]:
        """Roll back; return exit code and output, on one line."""
        return self.begin_rollback(by, **settings).end()

    def recover(self) -> None:
        """Put right what a dead play left, as `invoke recover` does on each host."""
        for host in self.hosts:
            done = host.run(f"{PROGRAM} recover --app {self.name} --force")
            assert done.returncode == 0, done.stdout

    def histories(self) -> list[dict[str, Any]]:
        """Return the last line of each host's history."""
        return [dict(state["history"][-1]) for state in self.states()]

    def states(self) -> list[dict[str, Any]]:
        """Return what each host's program says is live."""
        return [{"host": host.vm.name, **self._ask(host)} for host in self.hosts]

    def releases(self) -> set[str]:
        """Return the releases that are live anywhere."""
        return {str(state["release"]) for state in self.states()}

    def wait_for(
        self, phase: str, running: Play, before: set[str], *, on: list[Host] | None = None
    ) -> None:
        """Wait until every host has noted this phase in the journal of a deploy begun since.

        Args:
            phase: as the journal names it; `from` stands right before the switch.
            running: fails the test when it ends first.
            before: `journals` from before it began.
            on: these hosts alone; a database that is shared is migrated on the first one.
        """
        watch = ["timeout", f"{SOON_SECONDS:.0f}", "python3", "-c", NOTED]
        watch += [f"/srv/{self.name}/journal.jsonl", phase, *before]
        with ExitStack() as stack:
            waiting = [
                stack.enter_context(subprocess.Popen(["docker", "exec", host.vm.name, *watch]))
                for host in on or self.hosts
            ]
            stack.callback(lambda: [one.kill() for one in waiting])

            def reached() -> bool:
                assert running.process.poll() is None, running.end()
                codes = [one.poll() for one in waiting]
                assert not any(codes), "a host cannot be asked any more"
                return None not in codes

            until(reached, f"phase {phase}", pause=0.05)

    def furthest(self, before: set[str]) -> str:
        """Return the phase that a play has reached on the host that is furthest.

        Args:
            before: `journals` from before it began.
        """
        found = ["before"]
        for host in self.hosts:
            first, _, rest = self._journal(host).partition("\n")
            if first and first not in before:
                said = [json.loads(line)["phase"] for line in (first, *rest.splitlines())]
                found += [UNDER_WAY[phase] for phase in said if phase in UNDER_WAY][-1:]
        return max(found, key=ORDER.index)

    def journals(self) -> set[str]:
        """Return the first line of each host's journal, by which deploys are told apart."""
        return {self._journal(host).partition("\n")[0] for host in self.hosts}

    def leftovers(self) -> str:
        """Return what nobody should find after a deploy: folders, leases, slots under way."""
        found = "ls -d /srv/hello/releases/.[!.]* /srv/hello/venvs/.[!.]* /srv/hello/lease.json"
        units = "systemctl list-units --plain --no-legend 'turnout-watch-*' --state=active"
        return "".join(host.inside(f"{found} 2>/dev/null; {units}") for host in self.hosts)

    def wait_for_candidate(self, host: Host, running: Play, known: set[str]) -> None:
        """Wait until a release that is none of ``known`` answers in the idle slot of a host.

        Args:
            running: fails the test when it ends first.
            known: the releases that were on the host before.
        """

        def runs() -> bool:
            assert running.process.poll() is None, running.end()
            slots = self._ask(host)["slots"].items()
            idle = [s for s, is_ in slots if is_["state"] == "warm" and is_["release"] not in known]
            return any(self._answers(host, slot) for slot in idle)

        until(runs, "a candidate that runs")
        # It has seen that as well by now, and soaks.
        time.sleep(1)

    def _answers(self, host: Host, slot: str) -> bool:
        """Say whether the app behind a slot's socket is ready."""
        asked = ASK.format(f"/run/{self.name}.sockets/{slot}.sock")
        return host.run(f'python3 -c "{asked}"').returncode == 0

    def is_free(self) -> bool:
        """Say whether no host has a lease any more."""
        # Waited for as long as half a minute, and to look at a file costs less than the program.
        look = f"test -e /srv/{self.name}/lease.json || echo free"
        return all(host.inside(look) for host in self.hosts) and not any(
            state["lease"] for state in self.states()
        )

    def is_settled(self) -> bool:
        """Say whether no host has anything to take back by itself any more.

        A lease from before the switch is longer: it has nothing to take back, and delays nobody.
        """
        leases = [state["lease"] for state in self.states()]
        return not any(one and one["seconds_left"] <= DEAD_MAN_SECONDS for one in leases)

    @contextmanager
    def load(self, *hosts: Host) -> Iterator[dict[str, Load]]:
        """Have clients of every kind ask these hosts, all by default; none may see a failure."""
        with self.watched(*hosts) as running:
            _are_busy(running)
            yield running
            _are_busy(running)
        for clients in running.values():
            figures = report(clients.requests)
            assert figures["failed"] == 0, figures["failures"]

    @contextmanager
    def watched(self, *hosts: Host) -> Iterator[dict[str, Load]]:
        """Have clients of every kind ask these hosts; yield each host's, whatever they see."""
        with ExitStack() as stack:
            yield {
                host.vm.name: stack.enter_context(
                    Load(
                        f"http://127.0.0.1:{host.vm.http_port}",
                        **CLIENTS,
                        pause=self.busy_pause_seconds,
                        seconds=600,
                    )
                )
                for host in hosts or self.hosts
            }

    def _journal(self, host: Host) -> str:
        return host.inside(f"cat /srv/{self.name}/journal.jsonl || true")

    def _ask(self, host: Host) -> dict[str, Any]:
        return dict(json.loads(host.inside(f"{PROGRAM} status --app {self.name}")))


def _are_busy(running: dict[str, Load]) -> None:
    """Wait for some more requests of each host: a rollback may end before the clients begin."""
    wanted = {clients: len(clients.requests) + BUSY_REQUESTS for clients in running.values()}
    until(
        lambda: all(len(clients.requests) >= count for clients, count in wanted.items()),
        f"{BUSY_REQUESTS} more requests of each host",
    )


@contextmanager
def fresh(lab: str, hosts: int, *, is_small: bool = False) -> Iterator[Fleet]:
    """Make VMs of both Debians with an app on them, and remove them at the end of the block.

    Where the block fails they stay, for whoever wants to look; the next call removes them.

    Args:
        is_small: with an app that takes little of the machine, instead of the sample app.
    """
    labs.down(lab)
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        made = labs.up(hosts, "both", lab=lab)
        fleet = small_fleet(made, Path(folder)) if is_small else Fleet(made, Path(folder))
        fleet.make()
        yield fleet
    labs.down(lab)


def small_fleet(lab: Lab, folder: Path, **settings: Any) -> Fleet:
    """Return a fleet with an app that takes little of the machine; it has yet to be made.

    Args:
        settings: the team's settings (`app_*`) that differ from this app's.
    """
    # As many workers as a host would have: they start soon.
    return Fleet(lab, folder, code=small.CODE, **{**small.SETTINGS, "app_workers": 0, **settings})


def until(
    reached: Callable[[], bool], what: str, seconds: float = SOON_SECONDS, pause: float = 0.0
) -> float:
    """Wait until something holds, and return how long that took.

    Args:
        reached: looks whether it does.
        what: that is, for the complaint.
        seconds: after which it has failed.
        pause: between two looks, in seconds; by default longer the longer it takes, since the
            looks take the processor from what they wait for.
    """
    started = time.monotonic()
    while not reached():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what} was not reached in {seconds} s"
        time.sleep(pause or min(1.0, 0.1 + waited / 20))
    return time.monotonic() - started
