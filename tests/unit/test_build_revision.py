"""A release is an artifact with a configuration; its name gives neither away."""

import hashlib

import pytest

from turnout_build import BuildError, release_name, revision

CONFIGURATION = {"env": {"SECRET_KEY": "hunter2", "URL": "x"}, "workers": 2}


def test_the_same_configuration_has_the_same_revision_in_any_order():
    shuffled = {"workers": 2, "env": {"URL": "x", "SECRET_KEY": "hunter2"}}

    assert revision(CONFIGURATION, "key") == revision(shuffled, "key")


@pytest.mark.parametrize(
    "changed",
    [
        {"env": {"SECRET_KEY": "hunter3", "URL": "x"}, "workers": 2},
        {"env": {"SECRET_KEY": "hunter2", "URL": "x"}, "workers": "2"},
        {"env": {"SECRET_KEY": "hunter2"}, "workers": 2},
    ],
)
def test_any_change_gives_another_release_of_the_same_artifact(changed):
    before, after = (release_name("a-b-c", value, "key") for value in (CONFIGURATION, changed))

    assert before != after
    assert before.rpartition("-")[0] == after.rpartition("-")[0] == "a-b-c"


def test_the_revision_cannot_be_guessed_without_the_key():
    bare = hashlib.sha256(b'{"env":{"SECRET_KEY":"hunter2","URL":"x"},"workers":2}').hexdigest()

    assert revision(CONFIGURATION, "key") != bare[:6]
    assert revision(CONFIGURATION, "key") != revision(CONFIGURATION, "other key")


def test_without_a_key_there_is_no_release():
    with pytest.raises(BuildError, match=r"app_revision_key is empty.*secrets\.init"):
        revision(CONFIGURATION, "")
