"""The one exception of the host library, written for the person who reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Visitors and apps say what they like, and a terminal would obey it.
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_CONTROL = re.compile(rf"\x1b\[[0-9;:?]*[@-~]|{CONTROL}")  # colours go as a whole


class HostFailure(Exception):
    """A phase did not succeed on this host.

    Args:
        cause: what came back, in one sentence.
        next_step: what the reader can do about it.
        evidence: log lines, response bodies and the like; may be long.
        seen: what is gone by the time somebody looks, for the failure bundle: ``answer`` of the
            health check, ``unit``, and ``log`` where it is not the unit's own.
    """

    def __init__(
        self,
        cause: str,
        next_step: str,
        evidence: str = "",
        seen: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
        self.evidence = evidence
        self.seen = dict(seen or {})
        # Set by whoever collects it: ``failure_bundle``.
        self.bundle: dict[str, dict[str, str]] = {}

    def as_result(self) -> dict[str, str]:
        """Return the failure as the keys that modules and the host program report.

        Nothing in it moves a cursor, colours a line or renames a window.
        """
        told = {
            "msg": f"{self.cause.rstrip('.')}. Next: {self.next_step}",
            "cause": self.cause,
            "next_step": self.next_step,
            "evidence": self.evidence,
        }
        return {key: _CONTROL.sub("", text) for key, text in told.items()}
