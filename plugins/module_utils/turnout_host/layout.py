"""Where everything of one app lives on a host, and nothing but that."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SLOTS = ("blue", "green")
LANES = 20
# Stands in configuration for the release's name, which is known only when the release is made.
RELEASE_TOKEN = "@RELEASE@"  # noqa: S105


def other_slot(slot: str) -> str:
    """Return the slot that ``slot`` alternates with."""
    return SLOTS[1 - SLOTS.index(slot)]


class Layout(NamedTuple):
    """Paths of one app.

    Args:
        app: the app's name.
        root: the file system's root; another folder in tests.
    """

    app: str
    root: Path = Path("/")

    @property
    def base(self) -> Path:
        return self.root / "srv" / self.app

    @property
    def releases(self) -> Path:
        return self.base / "releases"

    @property
    def venvs(self) -> Path:
        return self.base / "venvs"

    @property
    def slots(self) -> Path:
        return self.base / "slots"

    @property
    def splits(self) -> Path:
        return self.base / "splits"

    @property
    def shared(self) -> Path:
        return self.base / "shared"

    @property
    def live(self) -> Path:
        """The symlink to the split that takes traffic: the one truth about what is live."""
        return self.base / "live"

    @property
    def journal(self) -> Path:
        return self.base / "journal.jsonl"

    @property
    def history(self) -> Path:
        return self.base / "history.jsonl"

    @property
    def receipts(self) -> Path:
        """What the probe of each deploy has seen, and what it came to."""
        return self.base / "receipts"

    @property
    def initialised(self) -> Path:
        """There once the app's init command has succeeded on this host."""
        return self.base / ".initialised"

    @property
    def lock(self) -> Path:
        return self.base / ".lock"

    @property
    def lease(self) -> Path:
        """Who may change the app on this host, and until when."""
        return self.base / "lease.json"

    @property
    def wheels(self) -> Path:
        """The wheelhouse of all apps: ``<sha256>/<file name>``.

        By hash, for a wheel that is built from source is not the same bytes on every machine.
        """
        return self.root / "var/lib/turnout/wheels"

    @property
    def uv(self) -> Path:
        """The program that makes virtual environments; pip does where it is missing."""
        return self.root / "usr/local/lib/turnout/uv"

    @property
    def settings(self) -> Path:
        """What provision knows about this app on this host."""
        return self.root / "etc/turnout" / f"{self.app}.json"

    @property
    def allowed_signers(self) -> Path:
        """Who may have signed an artifact; not there on a host that asks for no signature."""
        return self.root / "etc/turnout" / f"{self.app}.allowed_signers"

    @property
    def audit_key(self) -> Path:
        """What the digests in seals are keyed with; root's alone, and this host's alone."""
        return self.root / "etc/turnout/audit.key"

    @property
    def app_seal(self) -> Path:
        """What provision made for this app."""
        return self.root / "etc/turnout" / f"{self.app}.seal"

    @property
    def host_seal(self) -> Path:
        """What provision made for all apps of the host; no app's name has an underscore."""
        return self.root / "etc/turnout/_host.seal"

    @property
    def access_log(self) -> Path:
        """nginx's, one JSON document a line."""
        return self.root / "var/log/nginx" / f"{self.app}.access.log"

    @property
    def base_unit(self) -> Path:
        return self.root / "etc/systemd/system" / f"{self.app}@.service"

    def release(self, name: str) -> Path:
        return self.releases / name

    def venv(self, key: str) -> Path:
        return self.venvs / key

    def slot(self, slot: str) -> Path:
        return self.slots / slot

    def held(self, slot: str) -> Path:
        """Return the file that names once more what a slot holds, for the audit."""
        return self.slots / f".{slot}"

    def socket(self, slot: str) -> Path:
        return self.root / f"run/{self.app}.sockets" / f"{slot}.sock"

    def runtime(self, slot: str) -> Path:
        """The slot's RuntimeDirectory: never shared, or one slot's stop deletes the other's."""
        return self.root / "run" / f"{self.app}-{slot}"

    def drop_in(self, slot: str) -> Path:
        """The part of the slot's unit that depends on the release."""
        unit = f"{self.app}@{slot}.service.d"
        return self.root / "etc/systemd/system" / unit / "release.conf"

    def transient(self, unit: str) -> Path:
        """Where systemd keeps a unit that systemd-run made and that is loaded (systemd.unit(5))."""
        return self.root / "run/systemd/transient" / unit

    def service_unit(self, slot: str) -> str:
        return f"{self.app}@{slot}.service"

    def socket_unit(self, slot: str) -> str:
        return f"{self.app}@{slot}.socket"
