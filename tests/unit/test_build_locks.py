"""A lock states one version and its hashes; anything looser is refused before it is shipped."""

from pathlib import Path

import pytest

from turnout_build import BuildError
from turnout_build.locks import parse, read_lock
from turnout_build.tools import environment

A, B = "a" * 64, "b" * 64
FILE = Path("/app/requirements.txt")


def test_continued_lines_comments_and_markers_are_read():
    lock = parse(
        f"# made by uv\nFlask_Caching==2.0 ; python_version < '3.12' \\\n"
        f"    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n    # via shop\n",
        FILE,
    )

    assert lock.pins == {("flask-caching", "2.0"): {A, B}}


def test_a_universal_lock_may_have_two_versions_of_a_package():
    lock = parse(f"x==1 ; a --hash=sha256:{A}\nx==2 ; b --hash=sha256:{B}\n", FILE)

    assert set(lock.pins) == {("x", "1"), ("x", "2")}


def test_extras_do_not_change_the_name():
    assert set(parse(f"x[fast,pretty]==1 --hash=sha256:{A}", FILE).pins) == {("x", "1")}


@pytest.mark.parametrize(
    "line",
    [
        "flask",
        "flask>=3",
        "flask==3.1",
        f"flask>=3 --hash=sha256:{A}",
        "-r other.txt",
        "-e .",
        "./wheels/x.whl",
        "x @ https://user:hunter2@example.com/x.whl",
    ],
)
def test_a_line_that_could_float_is_refused_and_quoted(line):
    with pytest.raises(BuildError, match=r"/app/requirements.txt has the line .*uv pip compile"):
        parse(line, FILE)


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(BuildError) as caught:
        parse("x @ https://user:hunter2@example.com/x.whl", FILE)

    assert "hunter2" not in str(caught.value)


def test_options_that_name_an_index_are_kept_and_others_dropped(tmp_path):
    (tmp_path / "wheels").mkdir()
    text = "--no-index\n-f wheels\n--extra-index-url=https://example.com/simple\n--no-binary x\n"

    options = parse(text, tmp_path / "requirements.txt").options

    assert options == (
        "--no-index",
        f"--find-links {tmp_path / 'wheels'}",
        "--extra-index-url https://example.com/simple",
    )


@pytest.mark.parametrize("between", [" ", "=", " = ", "  "])
def test_an_address_with_an_equals_sign_stays_whole(tmp_path, between):
    address = "https://aws:abcd==@corp.example/simple/?a=b"

    options = parse(f"--extra-index-url{between}{address}\n", tmp_path / "lock").options

    assert options == (f"--extra-index-url {address}",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("UV_INDEX", "corp=https://c.example/?a=b"),  # uv's own form: a name before the address
        ("UV_EXTRA_INDEX_URL", "https://c.example/?a=b"),
        ("PIP_EXTRA_INDEX_URL", "https://a.example/ https://b.example/"),
    ],
)
def test_an_index_that_one_tool_was_told_of_the_other_uses_too(monkeypatch, name, said):
    for other in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, said)

    found = environment()

    assert found["UV_INDEX"] == said
    assert found["PIP_EXTRA_INDEX_URL"] == said.removeprefix("corp=")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"there is no .*nowhere\.txt"):
        read_lock(tmp_path / "nowhere.txt")
