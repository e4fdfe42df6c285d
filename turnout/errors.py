"""One shape for every error a person is shown: what, why, and what to do next."""

from __future__ import annotations

# sysexits.h, EX_TEMPFAIL: neither done nor failed. A CI takes it for a failure, as it should.
NOT_HERE = 75


class TurnoutError(Exception):
    """Something that the person at the keyboard can act on.

    Args:
        what: what did not work, and where (the host, the file, the setting).
        why: what came back; may hold several lines.
        next_step: what to do about it.
    """

    def __init__(self, what: str, why: str = "", next_step: str = "") -> None:
        super().__init__(what, why, next_step)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  {line}" for line in self.why.strip().splitlines()]
        if self.next_step:
            lines.append(f"Next: {self.next_step}")
        return "\n".join(lines)


class NotHere(TurnoutError):
    """It cannot be done on this machine, which says nothing about the code; exit code 75."""
