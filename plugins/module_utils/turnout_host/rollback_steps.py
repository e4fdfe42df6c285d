"""The phases of a rollback on this host, with what its own settings say, and the way back."""

from __future__ import annotations

from typing import Any

from . import journal, phases, settle
from .errors import HostFailure
from .layout import Layout

Result = dict[str, Any]
PHASES = ("recall", "start", "switch", "commit")
# Of a host that was provisioned before it was told.
DEAD_MAN_SECONDS = 60


class Steps:
    """A rollback of this host; nothing has begun yet.

    Args:
        wanted: the release; None for the verified one before the live one.
        with_current_env: with the live release's environment.
        force: whatever the schema of the database.

    Attributes:
        target: where it goes to (``rollback_to``, ``is_live``), and what is there now.
        done: what each phase has come to.

    Raises:
        HostFailure: there is no such release, or it does not know the schema.
    """

    def __init__(
        self,
        layout: Layout,
        wanted: str | None = None,
        *,
        with_current_env: bool = False,
        force: bool = False,
    ) -> None:
        self._layout, self._force = layout, force
        known = {"release": wanted, "current_env": with_current_env, "force": force}
        self.target = phases.run("target", layout, known, check=False)
        # A release that was named is meant whatever is live by then.
        self._planned_on = "" if wanted and not with_current_env else self.target["release"]
        self.done: dict[str, Result] = {}
        self._lease: Result = {}

    def take(self, phase: str, lease: Result) -> Result:
        """Go through the next phase under a lease, by its ``seconds`` until the switch.

        Where it fails, go back.

        Raises:
            HostFailure: with the traffic where it was before, or why that is not so.
        """
        self._lease = lease
        try:
            self._lease = lease | self._short(phase)
            self.done[phase] = phases.run(phase, self._layout, self._parameters(), check=False)
        except (HostFailure, OSError) as error:
            self._undo(error)
            raise
        return self.done[phase]

    def back(self, cause: str) -> Result:
        """Put the traffic back to where it was, also after the commit; nothing if none began."""
        if not self._lease:
            return {"changed": False, "back": True}
        known = {**self._parameters(), "cause": cause}
        return phases.run("revert", self._layout, known, check=False)

    @property
    def has_begun(self) -> bool:
        """Whether the journal is of this rollback."""
        token = self._lease.get("token")
        return token is not None and journal.token(self._layout) == token

    @property
    def outcome(self) -> Result:
        """What is told of a rollback that has ended; of the switch, the rename's seconds alone."""
        seconds = {phase: result["seconds"] for phase, result in self.done.items()}
        return {
            "changed": True,
            "release": self.target["rollback_to"],
            "previous_release": self.done["recall"]["previous_release"],
            "live": self.done["switch"]["slot"],
            "seconds": {**seconds, "switch": self.done["switch"]["switch_seconds"]},
            **{key: self.done["commit"].get(key) for key in ("receipt", "words")},
        }

    def _short(self, phase: str) -> Result:
        """From the switch on a controller that is silent is not waited for as long as before it."""
        said = settle.settings(self._layout).get("dead_man_seconds", DEAD_MAN_SECONDS)
        return {"seconds": said} if phase in ("switch", "commit") else {}

    def _undo(self, error: HostFailure | OSError) -> None:
        cause = error.cause if isinstance(error, HostFailure) else str(error)
        try:
            self.back(cause)
        except (HostFailure, OSError) as another:
            if isinstance(another, OSError):
                another = HostFailure(str(another), "mend that, then: invoke recover --env <env>")
            both = f"{cause}; and it did not go back: {another.cause}"
            raise HostFailure(both, another.next_step, another.evidence) from error

    def _parameters(self) -> Result:
        said = settle.settings(self._layout)
        return {
            "release": self.target["rollback_to"],
            "base": self.target["rollback_base"],
            "live": self._planned_on,
            "force": self._force,
            "actor": self._lease["owner"],
            "lease": self._lease,
            "port": said.get("port", 80),
            "tls": said.get("tls", False),
            "drain_seconds": said.get("drain_seconds", 60),
            "warm_seconds": said.get("warm_seconds", settle.WARM_SECONDS),
            "probe_rate": said.get("probe_rate", 20),
        }
