"""Signing an artifact's manifest with an SSH key, as `ssh-keygen -Y sign` does it."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

from .artifact import MANIFEST, Artifact
from .errors import BuildError
from .files import locked
from .tools import environment

# A signature made for something else with the same key is worth nothing here (ssh-keygen(1), -n).
NAMESPACE = "turnout-artifact"
SIGNATURE = f"{MANIFEST}.sig"
_TIMEOUT_SECONDS = 60


def sign(artifact: Artifact, key: Path) -> str:
    """Put a signature beside the artifact's manifest, unless this key's is there already.

    The one that is there is the last one asked for, perhaps by a deploy to another environment at
    the same time: what is returned is this key's.

    Args:
        key: a private key without a passphrase, or a public key whose private one an agent holds.

    Returns:
        The signature, as `ssh-keygen -Y sign` writes it.

    Raises:
        BuildError: the key cannot be used.
    """
    beside = artifact.path / SIGNATURE
    # A deploy signs early, and once more in its play. Not the cache's lock: somebody's tests may
    # hold that for minutes.
    with locked(artifact.path.parents[1] / "cache/sign.lock", lambda: None):
        if not _is_by(beside, _public(key)):
            beside.unlink(missing_ok=True)
            _sign(artifact.path / MANIFEST, key)
        return beside.read_text()


def signature(artifact: Artifact) -> str:
    """Return the signature that came with an artifact, empty where there is none."""
    try:
        return (artifact.path / SIGNATURE).read_text()
    except FileNotFoundError:
        return ""


def _sign(manifest: Path, key: Path) -> None:
    # Without a terminal ssh-keygen cannot wait for a passphrase that nobody sees it ask for.
    try:
        done = _ssh_keygen(manifest, key)
    except FileNotFoundError as error:
        raise _unusable(
            key, ["the program ssh-keygen is missing: install openssh-client"]
        ) from error
    except subprocess.TimeoutExpired as error:
        why = f"ssh-keygen did not end in {_TIMEOUT_SECONDS} s: does the agent wait for you?"
        raise _unusable(key, [why]) from error
    if done.returncode:
        raise _unusable(key, done.stdout.strip().splitlines()[-1:] or ["ssh-keygen said nothing"])


def _ssh_keygen(manifest: Path, key: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(manifest)],
        env=environment({"SSH_ASKPASS_REQUIRE": "never"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )


def _public(key: Path) -> bytes:
    """Return the public key as it stands in a signature."""
    file = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        return base64.b64decode(file.read_text().split()[1])
    except (OSError, ValueError, IndexError) as error:
        raise _unusable(key, [f"its public key {file} cannot be read ({error})"]) from error


def _is_by(signature: Path, public: bytes) -> bool:
    """Say whether a signature names this key; whether it is good is the host's question."""
    if not signature.exists():
        return False
    armour = re.sub(r"-----.*-----|\s", "", signature.read_text())
    try:
        return public in base64.b64decode(armour)
    except ValueError:
        return False  # torn: it is made anew


def _unusable(key: Path, why: list[str]) -> BuildError:
    return BuildError(
        f"The artifact cannot be signed with {key}",
        why[0],
        "name a private key without a passphrase in app_signing_key, or a public key whose "
        "private one your SSH agent holds",
    )
