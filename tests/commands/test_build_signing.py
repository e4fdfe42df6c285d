"""An artifact is signed once by each key, and says clearly when it cannot be."""

import subprocess
from pathlib import Path

import pytest

from tests.build_samples import BOOKWORM, commit_app, make_key, served_lock
from turnout_build import AppSpec, BuildError, build, sign
from turnout_build.signing import NAMESPACE


@pytest.fixture
def artifact(tmp_path):
    app = commit_app(tmp_path / "app", served_lock(tmp_path / "index"))
    return build(AppSpec(app), [BOOKWORM], tmp_path / ".turnout")


def verified(artifact, key: Path, signature: str) -> bool:
    allowed, file = key.with_name("allowed"), key.with_name("signature")
    file.write_text(signature)
    allowed.write_text(f"me {key.with_suffix('.pub').read_text()}")
    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", "me", "-f", allowed]
    manifest = (artifact.path / "manifest.json").read_bytes()
    done = subprocess.run([*command, "-s", file], input=manifest, capture_output=True)
    return done.returncode == 0


def test_the_signature_is_one_that_ssh_keygen_verifies(artifact, tmp_path):
    key = make_key(tmp_path / "key")

    assert verified(artifact, key, sign(artifact, key))


def test_the_same_key_signs_once(artifact, tmp_path):
    key = make_key(tmp_path / "key")
    signature = artifact.path / "manifest.json.sig"
    sign(artifact, key)
    before = signature.stat()

    sign(artifact, key)

    assert signature.stat() == before


def test_a_torn_signature_is_made_anew(artifact, tmp_path):
    key = make_key(tmp_path / "key")
    (artifact.path / "manifest.json.sig").write_text(sign(artifact, key)[:61])

    assert verified(artifact, key, sign(artifact, key))


def test_without_ssh_keygen_it_says_what_to_install(artifact, tmp_path, monkeypatch):
    key = make_key(tmp_path / "key")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BuildError, match="install openssh-client"):
        sign(artifact, key)


def test_another_key_signs_anew(artifact, tmp_path):
    sign(artifact, make_key(tmp_path / "first"))
    second = make_key(tmp_path / "second")

    assert verified(artifact, second, sign(artifact, second))


def test_a_key_that_asks_for_a_passphrase_is_refused_at_once(artifact, tmp_path):
    key = make_key(tmp_path / "key", "secret words")

    with pytest.raises(BuildError, match="cannot be signed") as refused:
        sign(artifact, key)

    assert "SSH agent" in refused.value.next_step
    assert not (artifact.path / "manifest.json.sig").exists()


def test_a_public_key_is_looked_up_in_the_agent(artifact, tmp_path, monkeypatch):
    key = make_key(tmp_path / "key")
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    facts = dict(part.split("=", 1) for part in agent.replace("\n", "").split(";") if "=" in part)
    for name, value in facts.items():
        monkeypatch.setenv(name.strip(), value)
    try:
        subprocess.run(["ssh-add", "-q", key], check=True)
        key.unlink()

        assert verified(artifact, key, sign(artifact, key.with_suffix(".pub")))
    finally:
        subprocess.run(["ssh-agent", "-k"], check=True, capture_output=True)


def test_a_key_that_is_not_there_is_named(artifact, tmp_path):
    with pytest.raises(BuildError, match="nokey"):
        sign(artifact, tmp_path / "nokey")
