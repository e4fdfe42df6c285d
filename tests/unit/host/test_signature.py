"""A host that asks for signatures takes what an allowed key has signed, and nothing else."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import making
from turnout_host import bundle, units
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.signature import NAMESPACE


class Signer:
    """Somebody with an SSH key of their own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.key = name, folder / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.key)]
        subprocess.run(command, check=True)

    @property
    def allowed(self) -> str:
        """Their line in the inventory."""
        return f"{self.name}@example.com {self.key.with_suffix('.pub').read_text()}"

    def sign(self, content: bytes, namespace: str = NAMESPACE) -> bytes:
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.key)]
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout


@pytest.fixture
def alice(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "alice")


@pytest.fixture
def mallory(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "mallory")


def manifest(**changes: Any) -> bytes:
    return json.dumps(making.artifact_manifest(making.code_archive(), **changes)).encode()


def receive(layout: Layout, signature: bytes | None, **changes: Any) -> Path:
    """Receive a bundle into a release that is aside, and return its folder."""
    folder = layout.releases / ".r1.new"
    (folder / "code").mkdir(parents=True)
    shipped = making.make_bundle(layout, signature=signature, **changes)
    bundle.receive(layout, shipped, folder, units.run)
    return folder


def nothing_was_unpacked(layout: Layout) -> bool:
    code = layout.releases / ".r1.new/code"
    return not list(code.iterdir()) and not list(layout.wheels.iterdir())


def test_what_an_allowed_key_has_signed_is_taken(
    layout: Layout, alice: Signer, mallory: Signer
) -> None:
    layout.allowed_signers.write_text(mallory.allowed + alice.allowed)
    folder = layout.releases / ".r1.new"
    (folder / "code").mkdir(parents=True)
    shipped = making.make_bundle(layout, signature=alice.sign(manifest()))

    accepted = bundle.receive(layout, shipped, folder, units.run)

    assert accepted.signer == "alice@example.com"
    assert (folder / "code/app.py").exists()


def test_a_host_that_asks_for_no_signature_takes_unsigned_artifacts(layout: Layout) -> None:
    assert (receive(layout, None) / "code/app.py").exists()


def test_an_unsigned_artifact_is_refused(layout: Layout, alice: Signer) -> None:
    layout.allowed_signers.write_text(alice.allowed)

    with pytest.raises(HostFailure, match="not signed") as refused:
        receive(layout, None)

    assert "app_signing_key" in refused.value.next_step
    assert nothing_was_unpacked(layout)


def test_a_signature_of_somebody_else_is_refused(
    layout: Layout, alice: Signer, mallory: Signer
) -> None:
    layout.allowed_signers.write_text(alice.allowed)

    with pytest.raises(HostFailure, match="not in app_allowed_signers"):
        receive(layout, mallory.sign(manifest()))

    assert nothing_was_unpacked(layout)


def test_a_manifest_that_was_changed_after_it_was_signed_is_refused(
    layout: Layout, alice: Signer
) -> None:
    layout.allowed_signers.write_text(alice.allowed)

    with pytest.raises(HostFailure, match=r"not what alice@example\.com signed"):
        receive(layout, alice.sign(manifest()), commit="another")

    assert nothing_was_unpacked(layout)


def test_code_that_was_changed_after_it_was_signed_is_refused(
    layout: Layout, alice: Signer
) -> None:
    layout.allowed_signers.write_text(alice.allowed)
    evil = making.archive(making.file_member("app.py", b"import evil\n"))
    said = {"archive": {"sha256": making.sha256(making.code_archive())}}
    said["files"] = making.files_in(making.code_archive())

    with pytest.raises(HostFailure, match=r"code.tar.gz arrived damaged"):
        receive(layout, alice.sign(manifest()), code=evil, **said)

    assert nothing_was_unpacked(layout)


def test_what_was_signed_for_another_purpose_is_refused(layout: Layout, alice: Signer) -> None:
    layout.allowed_signers.write_text(alice.allowed)

    with pytest.raises(HostFailure, match=r"not what alice@example\.com signed"):
        receive(layout, alice.sign(manifest(), namespace="git"))


def test_a_signature_that_is_none_is_refused(layout: Layout, alice: Signer) -> None:
    layout.allowed_signers.write_text(alice.allowed)

    with pytest.raises(HostFailure, match="not in app_allowed_signers"):
        receive(layout, b"nonsense")

    assert nothing_was_unpacked(layout)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"targets": 3}', b"\xff"])
def test_a_manifest_that_says_nothing_is_refused(layout: Layout, text: bytes) -> None:
    folder = layout.releases / ".r1.new"
    (folder / "code").mkdir(parents=True)
    members = making.file_member("manifest.json", text), making.file_member("code.tar.gz")
    shipped = io.BytesIO(making.archive(*members, compressed=False))

    with pytest.raises(HostFailure, match="manifest cannot be read"):
        bundle.receive(layout, shipped, folder, units.run)
