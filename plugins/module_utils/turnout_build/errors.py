"""The one exception of the build, written for the person who reads it."""

from __future__ import annotations


class BuildError(Exception):
    """The artifact cannot be made.

    Args:
        what: what did not work, in a few words.
        why: what came back, and from where.
        next_step: what the reader can do about it.
        evidence: output of a tool; may be long.
    """

    def __init__(self, what: str, why: str, next_step: str, evidence: str = "") -> None:
        super().__init__(f"{what}: {why}. Next: {next_step}")
        self.what = what
        self.why = why
        self.next_step = next_step
        self.evidence = evidence
        if evidence:
            self.add_note(evidence)  # a traceback, as of a failed test, shows it too
