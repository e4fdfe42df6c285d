"""What an environment is: its hosts, how to reach them, and the app's settings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.errors import TurnoutError
from turnout.paths import INVENTORIES

GROUP = "web"
LOCAL = "local"


@dataclass(frozen=True)
class Host:
    """One app host and how to reach it; holds no secret.

    `port` and `user` are None where SSH's own configuration decides.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    ssh_args: str = ""
    url: str = ""


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: a folder below inventories/.
        app: the app's name.
        hosts: where it runs.
        build: what the build library wants to know.
        targets: kinds of host to build for besides those there are.
        signing_key: signs artifacts; empty for none.
        needs_playbook: whether a rollback has a bake, a hook, a webhook or batches, which only the
            playbooks have.
        rollback_seconds: how long one host may take to go back to a release that is not warm.
        revision: names the configuration in a release's name; empty where only a run of the
            playbook can tell, because settings are looked up or missing.
    """

    name: str
    app: str
    hosts: list[Host]
    build: dict[str, Any] = field(default_factory=dict)
    targets: list[dict[str, str]] = field(default_factory=list)
    signing_key: str = ""
    needs_playbook: bool = False
    rollback_seconds: int = 600
    revision: str = ""

    def host(self, name: str) -> Host:
        """Return the host called ``name``.

        Raises:
            TurnoutError: there is none; the message lists those there are.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        raise TurnoutError(
            f"Environment {self.name} has no host {name}.",
            next_step=f"one of: {', '.join(host.name for host in self.hosts)}",
        )


def environment_names() -> list[str]:
    """Return the environments there are: the folders below inventories/."""
    return sorted(path.name for path in INVENTORIES.iterdir() if path.is_dir())


def check_name(name: str) -> None:
    """Raise a `TurnoutError` unless ``name`` is an environment."""
    names = environment_names()
    if name not in names:
        what = f"There is no environment '{name}'." if name else "No environment is named."
        raise TurnoutError(what, next_step=f"pass --env with one of: {', '.join(names)}")


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, also of folders that are links: Ansible reads them, too."""
    walked = os.walk(folder, followlinks=True)
    found = (Path(here, name) for here, _, names in walked for name in names)
    return sorted(path for path in found if path.is_file())  # an editor's lock leads nowhere
