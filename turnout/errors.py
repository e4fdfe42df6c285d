"""One shape for every error a person is shown: what, why, and what to do next."""

from __future__ import annotations


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
