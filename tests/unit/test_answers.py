"""What the host program printed is taken at its word, or it is said in words why not."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from turnout import answers
from turnout.environment import Host
from turnout.reach import HostError
from turnout_build import failures

WEB1 = Host("web1", "web1")


def test_the_programs_own_error_is_told_with_its_remedy() -> None:
    with pytest.raises(HostError, match="web1: release r9 is unknown") as caught:
        answers.judged(
            WEB1, '{"error": "release r9 is unknown", "next_step": "ask status"}', "", code=1
        )

    assert caught.value.next_step == "ask status"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("python3: can't open file '/usr/local/lib/turnout/host.pyz'", "not installed"),
        ("sudo: a password is required", "may not become root"),
        ("host.pyz: error: argument VERB: invalid choice: 'audit'", "is older than this command"),
        ("host.pyz: error: unrecognized arguments: --together", "is older than this command"),
        ("Traceback", "did not answer in JSON"),
    ],
)
def test_an_answer_that_is_no_document_is_explained(said: str, words: str) -> None:
    with pytest.raises(HostError, match=words):
        answers.judged(WEB1, "", said, code=1)


def test_all_that_the_program_tells_of_a_failure_is_kept_and_its_folder_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(failures.keep, "__kwdefaults__", {"folder": tmp_path})
    told = {"error": "green is ill", "evidence": "HTTP 500", "failure_bundle": {"log.txt": "x"}}

    with pytest.raises(HostError) as caught:
        answers.judged(WEB1, json.dumps(told), "", code=1, app="shop")

    (kept,) = tmp_path.rglob("log.txt")
    assert caught.value.why == f"HTTP 500\nEverything about it: {kept.parent}"
    assert kept.parent.parent.name.endswith("-shop")


def test_a_controller_whose_disk_is_full_is_told_the_cause_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(failures, "keep", full)
    told = {"error": "green is ill", "failure_bundle": {"log.txt": "x"}}

    with pytest.raises(HostError, match="green is ill") as caught:
        answers.judged(WEB1, json.dumps(told), "", code=1, app="shop")

    assert "could not be kept here: [Errno 28] No space left" in caught.value.why


def test_an_answer_that_is_no_object_or_failed_without_words_is_an_error() -> None:
    with pytest.raises(HostError, match="did not answer in JSON"):
        answers.judged(WEB1, "[]", "")
    with pytest.raises(HostError, match="ended with code 4"):
        answers.judged(WEB1, "{}", "", code=4)
