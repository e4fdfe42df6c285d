"""What is written for systemd to read, character by character.

That systemd reads it back exactly is proved against systemd itself, in tests/lab.
"""

from __future__ import annotations

import pytest

from turnout_host import envfile


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        (" spaces at both ends ", '" spaces at both ends "'),
        ('say "hi"', r'"say \"hi\""'),
        ("it's", '"it\'s"'),
        ("$HOME and ${HOME}", r'"\$HOME and \${HOME}"'),
        ("100%", '"100%"'),
        ("%i", '"%i"'),
        ("# no comment", '"# no comment"'),
        ("`id`", r'"\`id\`"'),
        ("C:\\new", r'"C:\\new"'),
        ("ends with \\", r'"ends with \\"'),
        ("two \\\\", r'"two \\\\"'),
        ("line\nbreak\n", '"line\nbreak\n"'),
        ("\\\n", '"\\\\\n"'),
        ("tab\tand return\r", '"tab\tand return\r"'),
        ("snow ☃ and 🚂", '"snow ☃ and 🚂"'),
        ("a=b;c=d", '"a=b;c=d"'),
    ],
)
def test_a_value_is_written_exactly_and_read_back(value: str, written: str) -> None:
    text = envfile.render({"NAME": value})

    assert text == f"NAME={written}\n"
    assert envfile.parse(envfile.render({"A": 'B="c"', "NAME": value}))["NAME"] == value


def test_names_are_sorted_so_that_the_same_environment_is_the_same_file() -> None:
    assert envfile.render({"B": "2", "A": "1"}) == 'A="1"\nB="2"\n'


def test_an_empty_environment_is_an_empty_file() -> None:
    assert envfile.render({}) == ""


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\n", "Ä", "A.B"])
def test_a_name_that_no_shell_would_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name for an environment variable"):
        envfile.render({name: "value"})


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\ufffe", "\ufdd0", "\U0001ffff"])
def test_a_value_that_systemd_cannot_read_is_refused_without_showing_it(odd: str) -> None:
    with pytest.raises(ValueError, match="the value of TOKEN") as refused:
        envfile.render({"TOKEN": f"hush{odd}"})

    assert "hush" not in str(refused.value)
    assert odd not in str(refused.value)


def test_a_refused_name_does_not_show_its_value() -> None:
    with pytest.raises(ValueError, match="1A") as refused:
        envfile.render({"1A": "hush"})

    assert "hush" not in str(refused.value)
