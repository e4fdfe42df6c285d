"""The one error of the lab, so that every failure says what, where, why and what to do."""

from __future__ import annotations

from turnout.errors import TurnoutError


class LabError(TurnoutError):
    """The lab could not do what was asked.

    Args:
        what: What did not work, as a sentence without a full stop.
        where: The machine, container, file or setting it happened on.
        why: What came back, in its own words.
        next_step: What the reader can do about it.
    """

    def __init__(self, what: str, *, where: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} ({where})", why, next_step)
        self.where = where
