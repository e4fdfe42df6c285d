"""The lease: one deploy or rollback at a time on a host, and the dead man's switch of its owner.

Each call of a deploy renews it. When nobody has for its whole time, whoever held it is taken for
dead, and the host goes back by itself. flock (``lock``) covers the calls, the lease the time
between them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

from .atomic import remove_file, write_file
from .errors import HostFailure
from .layout import Layout

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Where the host is a container, a reboot leaves the kernel's id as it is; then only the time at
# which process 1 began is another: field 22, the 20th after the name (proc_pid_stat(5)).
INIT = Path("/proc/1/stat")
START_TIME = 19


class Lease(NamedTuple):
    """Who holds the host.

    Args:
        token: known to the owner's calls only.
        owner: ``user@machine (process)``, for people.
        reason: what for, in a word or two.
        since: Unix time, for people.
        boot: which boot of the host it belongs to; no lease outlives a reboot.
        expires: seconds on the host's own clock since that boot, which nobody sets.
        parked: the percentage at which a canary was left, for anybody to go on with; 0 for a lease
            that only its owner may use.
    """

    token: str
    owner: str
    reason: str
    since: float
    boot: str
    expires: float
    parked: int = 0

    @property
    def seconds_left(self) -> float:
        """How long it goes on without a renewal; 0 when it is over."""
        if self.boot != boot_id():
            return 0.0
        return max(0.0, self.expires - clock())

    @property
    def is_over(self) -> bool:
        return self.seconds_left == 0.0

    def describe(self) -> str:
        """Say who holds it, what for and how long still."""
        since = time.strftime("%H:%M:%S UTC", time.gmtime(self.since))
        return f"{self.owner} ({self.reason}, since {since}, {self.seconds_left:.0f} s left)"


def clock() -> float:
    """Return the seconds since boot: no step of the wall clock ends or prolongs a lease."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Name this run of the host; in a container it is the kernel's and the init's own."""
    started = INIT.read_text().rpartition(")")[2].split()[START_TIME]
    return f"{BOOT_ID.read_text().strip()}-{started}"


def read(layout: Layout) -> Lease | None:
    """Return the lease of this host, also one that is over, or None."""
    try:
        return Lease(**json.loads(layout.lease.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        # Written whole or not at all, so this is somebody's own doing: take it for over.
        return Lease("", "nobody known", "unreadable", 0.0, "", 0.0)


class Claim(NamedTuple):
    """What a call says of the lease it wants or has.

    Args:
        dead: owners whom the caller knows to be dead: processes of its own machine.
        continues: whether it goes on with a canary that was parked.
    """

    token: str
    owner: str = ""
    reason: str = ""
    dead: tuple[str, ...] = ()
    continues: bool = False


def holder(layout: Layout, claim: Claim) -> Lease | None:
    """Return the lease that stands in the way of a claim, or None."""
    held = read(layout)
    if held is None or held.is_over or held.token == claim.token:
        return None
    # Whoever parked it has ended, as was meant: that it is dead means nothing.
    steps_aside = claim.continues if held.parked else held.owner in claim.dead
    return None if steps_aside else held


def wait(layout: Layout, claim: Claim, seconds: float) -> None:
    """Wait until nothing stands in the way, for ``seconds`` at most."""
    deadline = clock() + seconds
    while clock() < deadline and holder(layout, claim):
        time.sleep(1)


def refuse_others(layout: Layout, claim: Claim) -> None:
    """Refuse a claim on a host that somebody else is changing.

    Raises:
        HostFailure: with who that is.
    """
    held = holder(layout, claim)
    if held and held.parked:
        raise HostFailure(
            f"{layout.app} has a canary at {held.parked} %: {held.describe()}",
            "end it first: invoke canary --env <env> --finish, or --abort",
        )
    if held:
        raise HostFailure(
            f"{layout.app} is being changed by {held.describe()}",
            "wait until that has ended (--wait SECONDS does), or, if it is dead, free the hosts: "
            "invoke unlock --env <env>",
        )


def acquire(layout: Layout, claim: Claim, seconds: float) -> None:
    """Take the lease for ``seconds``; to take one's own again is to renew it.

    The caller holds the app's lock.

    Raises:
        HostFailure: somebody else has it.
    """
    refuse_others(layout, claim)
    now, ends = time.time(), clock() + seconds
    _write(layout, Lease(claim.token, claim.owner, claim.reason, now, boot_id(), ends))


def renew(layout: Layout, token: str, seconds: float) -> None:
    """Go on for ``seconds`` from now.

    Raises:
        HostFailure: the lease is not this one any more: it was over, and the host has gone
            back or was given to somebody else.
    """
    held = read(layout)
    if held is None or held.token != token:
        now = f"; now it is {held.describe()}" if held else ""
        raise HostFailure(
            f"this call is of a deploy that has ended on this host{now}",
            "look at `invoke status`, then deploy again",
        )
    _write(layout, held._replace(expires=clock() + seconds))


def park(layout: Layout, token: str, share: int) -> None:
    """Leave the host to whoever goes on with the canary, at ``share`` percent.

    The caller renews the lease for as long as the canary may stay so.
    """
    held = read(layout)
    if held and held.token == token:
        _write(layout, held._replace(parked=share))


def is_held_by(layout: Layout, token: str) -> bool:
    """Say whether the lease is this one's; one that is over is, until somebody ends it."""
    held = read(layout)
    return held is not None and held.token == token


def give_back(layout: Layout, token: str) -> bool:
    """End the lease of ``token``; say whether there was one. Nobody else's is touched."""
    if not is_held_by(layout, token):
        return False
    remove_file(layout.lease)
    return True


def end(layout: Layout) -> Lease | None:
    """End whosever lease it is, and return it: for a host that goes back, or is freed by hand."""
    held = read(layout)
    if held:
        remove_file(layout.lease)
    return held


def _write(layout: Layout, lease: Lease) -> None:
    # Root's alone: who knows the token may act for the owner.
    write_file(layout.lease, json.dumps(lease._asdict()).encode(), mode=0o600)
