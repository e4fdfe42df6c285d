"""What the host library writes into an environment file is what systemd gives to the app."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lab.site import Host
from turnout_host import envfile

pytestmark = pytest.mark.lab

FILE = "/run/turnout-test.env"
# Not --pipe's own environment: what the unit was given, each value to its last byte.
GIVEN = f"systemd-run --quiet --pipe --wait -p EnvironmentFile={FILE} /usr/bin/env -0"

ODD = [
    "", " ", "plain", 'say "hi"', "it's", "$HOME ${HOME} $$", "100% %i %%", "# none", "; none",
    "`id`", "C:\\new\\", "\\", "\\\\", "\\\n", "line\nbreak\n", "\n", "\r\n", "\ttab\t", "a=b",
    "snow ☃ train 🚂", "\x01\x1b[31m\x7f", "\u0085\u2028\ufeff", "'\"'\"", '"""', "\\\"\\$\\`",
]  # fmt: skip
NO_CHARACTERS = "".join(
    [chr(code) for code in range(0xFDD0, 0xFDF0)]
    + [chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)]
)
CHARACTERS = st.characters(codec="utf-8", exclude_characters=f"\0{NO_CHARACTERS}")
# What means something to one parser or another comes up more often than by chance.
VALUES = st.text(CHARACTERS, max_size=40) | st.text("\"'\\`$#%;={} \t\r\nab", max_size=20)


def given_to_the_app(host: Host, text: bytes) -> dict[str, str] | None:
    """Return the environment that systemd makes of an environment file, None if it refuses."""
    done = host.run(f"cat > {FILE} && {GIVEN}", text)
    if done.returncode:
        return None
    pairs = (pair.partition("=") for pair in done.stdout.decode().split("\0") if pair)
    return {name: value for name, _, value in pairs}


def assert_arrives(host: Host, values: list[str]) -> None:
    environment = {f"V{number}": value for number, value in enumerate(values)}

    found = given_to_the_app(host, envfile.render(environment).encode())

    assert found is not None, "systemd refused the file"
    assert {name: found.get(name) for name in environment} == environment


def test_odd_values_arrive_exactly(host: Host) -> None:
    assert_arrives(host, ODD)


@settings(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(values=st.lists(VALUES, min_size=20, max_size=60))
def test_any_values_arrive_exactly(host: Host, values: list[str]) -> None:
    assert_arrives(host, values)


@pytest.mark.parametrize("character", ["\ufffe", "\ufdd0", "\U0010ffff"])
def test_what_the_writer_refuses_systemd_would_refuse(host: Host, character: str) -> None:
    found = given_to_the_app(host, f'BEFORE="1"\nTOKEN="a{character}b"\n'.encode())

    assert found is None or "TOKEN" not in found
    with pytest.raises(ValueError, match="TOKEN"):
        envfile.render({"TOKEN": f"a{character}b"})
