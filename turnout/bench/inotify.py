"""How many VMs this machine's kernel lets run side by side: every systemd watches files."""

from __future__ import annotations

import sys
from pathlib import Path

from turnout.errors import TurnoutError

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# systemd, its journal and udev of one VM take seven; all VMs count as one user.
EACH = 8
OTHERS = 64


def make_room(machines: int, limit: Path = LIMIT) -> None:
    """See to it that so many VMs can boot: as root raise the kernel's limit until its next boot.

    Raises:
        TurnoutError: the limit is too low, and only root may raise it.
    """
    wanted = machines * EACH + OTHERS
    if not limit.exists() or int(limit.read_text()) >= wanted:
        return
    try:
        limit.write_text(f"{wanted}\n")
    except OSError as error:
        raise TurnoutError(
            f"{machines} VMs need {wanted} inotify instances, and the kernel allows "
            f"{limit.read_text().strip()}.",
            str(error),
            f"sudo sysctl fs.inotify.max_user_instances={wanted}",
        ) from error
    print(f"Raised fs.inotify.max_user_instances to {wanted}", file=sys.stderr)
