"""Who made an artifact: its manifest is signed with an SSH key that the inventory allows."""

from __future__ import annotations

from pathlib import Path

from . import units
from .errors import HostFailure
from .layout import Layout

# A signature made for something else with the same key is worth nothing here (ssh-keygen(1), -n).
NAMESPACE = "turnout-artifact"


def verify(
    layout: Layout, manifest: Path, signature: Path, run: units.Run = units.run
) -> str | None:
    """Check the signature of a manifest against the signers that provision wrote.

    Returns:
        The signer's name in the list, or None on a host that asks for no signature.

    Raises:
        HostFailure: not signed, by nobody who may, or not this manifest.
    """
    allowed = layout.allowed_signers
    if not allowed.exists():
        return None
    if not signature.exists():
        raise HostFailure(
            "the artifact is not signed, and this host takes signed ones only",
            "set app_signing_key to a key of app_allowed_signers and deploy again",
        )
    signer = _signer(signature, allowed, run)
    checked = run(
        ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", signer, *_files(signature, allowed)],
        check=False,
        text=manifest.read_text(encoding="utf-8", errors="replace"),
    )
    if checked.returncode:
        raise HostFailure(
            f"the artifact's manifest is not what {signer} signed",
            "build it anew from a commit that you trust, and find out who changed it",
            checked.stdout,
        )
    return signer


def _signer(signature: Path, allowed: Path, run: units.Run) -> str:
    found = run(["ssh-keygen", "-Y", "find-principals", *_files(signature, allowed)], check=False)
    if found.returncode or not found.stdout.strip():
        raise HostFailure(
            "the artifact is signed by a key that is not in app_allowed_signers",
            "deploy what one of them has signed, or add the key there and provision",
            found.stdout,
        )
    return str(found.stdout.splitlines()[0])


def _files(signature: Path, allowed: Path) -> list[str]:
    return ["-s", str(signature), "-f", str(allowed)]
