"""A failure is read on a terminal, which must not obey what a visitor or an app has said."""

from __future__ import annotations

import pytest

from turnout_host.errors import HostFailure


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("GET /\x1b]0;owned\x07 500", "GET /]0;owned 500"),
        ("\x1b[1;31mERROR\x1b[0m at\x1b[2J once", "ERROR at once"),
        ("\x9b2Jgone\x00\x08\x7f\x85", "2Jgone"),
        ("one\r\n\ttwo\x1b", "one\n\ttwo"),
        ("grüße, 你好", "grüße, 你好"),
    ],
)
def test_a_terminal_obeys_nothing_of_a_failure(said: str, told: str) -> None:
    result = HostFailure(said, said, said).as_result()

    assert result == {
        "msg": f"{told}. Next: {told}",
        "cause": told,
        "next_step": told,
        "evidence": told,
    }
