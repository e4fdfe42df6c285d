"""Makes what the tests deploy: bundles, requests, and releases that are on the host already."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from turnout_host import journal, splits
from turnout_host.layout import Layout
from turnout_host.stage import Request
from turnout_host.target import target

HEALTH = {
    "path": "/health", "host": "hello.example", "scheme": "http", "statuses": [200], "text": "",
    "timeout_seconds": 1, "start_timeout_seconds": 0.1, "soak_seconds": 0,
}  # fmt: skip
GUNICORN = {
    "workers": 2, "threads": 4, "worker_class": "threads", "timeout_seconds": 30,
    "graceful_timeout_seconds": 30, "max_requests": 5000, "arguments": [],
}  # fmt: skip
# Where temporary trees live, if it is there: nobody waits for a disk.
MEMORY = Path("/dev/shm")
BASE_UNIT = """\
[Unit]
Description=hello
[Service]
Type=notify
ExecStart=/bin/false
Restart=always
User=hello
Environment=TURNOUT_SLOT=%i
NoNewPrivileges=yes
# ProtectHome=no
ProtectSystem=strict
"""

WHEEL = "one-1.0-py3-none-any.whl"
COMMIT_TIME = 1_700_000_000


def provision(layout: Layout) -> None:
    """Make what the roles make on a host."""
    folders = layout.releases, layout.venvs, layout.slots, layout.splits, layout.shared
    for folder in (*folders, layout.wheels, layout.settings.parent, layout.base_unit.parent):
        folder.mkdir(parents=True)
    layout.settings.write_text('{"warm_seconds": 300, "keep_releases": 2, "drain_seconds": 1}')
    layout.base_unit.write_text(BASE_UNIT)


def settings(**changes: Any) -> dict[str, Any]:
    """Return what ``release.json`` holds besides the names."""
    return {
        "user": "nobody",
        "entry": "app:app",
        "chdir": "",
        "health": HEALTH,
        "gunicorn": GUNICORN,
        "static": [{"url": "/static/", "path": "static"}],
        "writable_dirs": ["uploads", "code:instance"],
        **changes,
    }


def file_member(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[Any, bytes]:
    """Return a plain file for ``archive``."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), mode, COMMIT_TIME
    return info, content


def special_member(name: str, kind: bytes, leads_to: str = "") -> tuple[Any, bytes]:
    """Return a link, folder or device for ``archive``."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, leads_to
    return info, b""


CODE = (
    file_member("app.py", b"app = 1\n"),
    file_member("bin/tool", b"#!/bin/sh\n", 0o755),
    file_member("static/hello.css", b"p {}\n"),
    special_member("link.py", tarfile.SYMTYPE, "app.py"),
)


def archive(*members: tuple[Any, bytes], compressed: bool = True) -> bytes:
    """Return a tar file of these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if compressed else "w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@cache
def code_archive() -> bytes:
    """Return the app's code as the controller ships it."""
    return archive(*CODE)


def kept_wheel(layout: Layout) -> Path:
    """Return where the host keeps the wheel of ``artifact_manifest``."""
    return layout.wheels / sha256(b"a wheel") / WHEEL


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def artifact_manifest(code: bytes, **changes: Any) -> dict[str, Any]:
    """Return the manifest of an artifact with this code and one wheel, as the build writes it."""
    lock = f"one==1.0 --hash=sha256:{sha256(b'a wheel')}\n"
    wheels = [{"file": WHEEL, "sha256": sha256(b"a wheel"), "size": 7}]
    wheel_set = {**target(), "lock": lock, "venv_key": "v1", "wheels": wheels}
    wheel_set |= {key: changes.pop(key) for key in ("venv_key", "wheels") if key in changes}
    return {
        "name": "a1",
        "commit": "c1",
        "archive": {"sha256": sha256(code)},
        "files": files_in(code),
        "targets": [wheel_set],
        **changes,
    }


def files_in(code: bytes) -> dict[str, Any]:
    """Return what a manifest says of the files and links in an archive."""
    found: dict[str, Any] = {}
    with tarfile.open(fileobj=io.BytesIO(code)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream:
                found[member.name] = {"sha256": sha256(stream.read())}
            elif not member.isdir():
                found[member.name] = {"link": member.linkname}
    return found


def make_bundle(
    layout: Layout,
    *,
    code: bytes | None = None,
    wheel: bytes | None = b"a wheel",
    signature: bytes | None = None,
    **manifest: Any,
) -> io.BytesIO:
    """Write a bundle as the controller ships it; the rest are changes of the manifest."""
    code = code_archive() if code is None else code
    said = json.dumps(artifact_manifest(code, **manifest)).encode()
    members = [file_member("manifest.json", said)]
    if signature is not None:
        members.append(file_member("manifest.json.sig", signature))
    members.append(file_member("code.tar.gz", code))
    if wheel is not None:
        members.append(file_member(f"wheels/{WHEEL}", wheel))
    return io.BytesIO(archive(*members, compressed=False))


def make_request(layout: Layout, release: str = "r1", **changes: Any) -> Request:
    """Return a request with a real bundle: an artifact and one wheel.

    What is no field of a request changes the bundle.
    """
    fields = {name: changes.pop(name) for name in Request._fields if name in changes}
    if "bundle" not in fields:
        fields["bundle"] = make_bundle(layout, **{"name": release, **changes})
    wanted: dict[str, Any] = {
        "release": release,
        "settings": settings(),
        "environment": {"SECRET": "hush", "WHERE": "/srv/hello/releases/@RELEASE@/config"},
        "config_files": [{"dest": "sub/app.ini", "content": "release = @RELEASE@\n"}],
    }
    return Request(**{**wanted, **fields})


def make_release(
    layout: Layout, name: str, venv: str = "v1", unit: str = "", **changes: Any
) -> None:
    """Put a release on the host without staging it, with a unit of its own unless told which."""
    folder = layout.release(name)
    (folder / "code").mkdir(parents=True)
    (folder / "unit.conf").write_text(unit or own_unit(name))
    manifest = {"release": name, "app": layout.app, "venv": venv, **settings(**changes)}
    (folder / "release.json").write_text(json.dumps(manifest))
    (layout.venv(venv) / "lib").mkdir(parents=True, exist_ok=True)
    for file in ("lib/one.py", "lib/two.py", ".complete"):
        (layout.venv(venv) / file).write_text("")


def own_unit(name: str) -> str:
    """Return a unit that shows which release it came with."""
    return f"[Service]\nEnvironment=TURNOUT_RELEASE={name}\n"


def put_in_slot(layout: Layout, slot: str, name: str) -> None:
    layout.slot(slot).unlink(missing_ok=True)
    layout.slot(slot).symlink_to(f"../releases/{name}")


def put_live(layout: Layout, slot: str, name: str) -> None:
    """Make ``name`` live in ``slot``, verified and committed, as a deploy long ago."""
    if not layout.release(name).exists():
        make_release(layout, name)
    put_in_slot(layout, slot, name)
    splits.make_live(layout, splits.create_full(layout, slot))
    journal.begin(layout, name)
    journal.conclude(layout, "deploy", "live", release=name)


def everything_below(folder: Path) -> list[str]:
    """Return the paths below ``folder``, relative to it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def leftovers(layout: Layout) -> list[str]:
    """Return what killed calls have left anywhere."""
    names = [name for _, *found in os.walk(layout.root) for name in (*found[0], *found[1])]
    return [name for name in names if name.endswith((".new", ".gone", ".received"))]
