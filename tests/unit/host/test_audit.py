"""Whatever a hand changes on a host is listed, and nothing else is."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import audit, journal, seal, sealing, splits, stage, venvs
from turnout_host.atomic import replace_link
from turnout_host.layout import Layout
from turnout_host.units import Slots

pytestmark = pytest.mark.usefixtures("owners")

UNITS = "etc/systemd/system"
RELEASE = "srv/hello/releases/r2"
PROVISIONED = (
    f"{UNITS}/hello@.socket", f"{UNITS}/hello.service",
    f"{UNITS}/sockets.target.wants/hello@blue.socket", "etc/nginx/nginx.conf",
    "etc/nginx/conf.d/hello.conf", "etc/nginx/conf.d/00-default-80.conf",
    "usr/local/lib/turnout/host.pyz",
)  # fmt: skip


@pytest.fixture
def host(layout: Layout, slots: Slots, systemd: FakeSystemd) -> Layout:
    """A host that was provisioned and deployed to twice: green is live, blue is warm."""
    for path in PROVISIONED:
        (layout.root / path).parent.mkdir(parents=True, exist_ok=True)
        (layout.root / path).write_text("as provisioned\n")
    for name, slot in (("r1", "blue"), ("r2", "green")):
        stage.stage(layout, making.make_request(layout, name), systemd)
        deployed(layout, slots, name, slot)
    splits.create(layout, {"blue": 5, "green": 15})
    (layout.root / UNITS / "hello@.socket").chmod(0o644)
    sealing.seal_provision(layout)
    return layout


def deployed(layout: Layout, slots: Slots, name: str, slot: str) -> None:
    journal.begin(layout, name)
    replace_link(layout.slot(slot), f"../releases/{name}")
    slots.point(slot, name)
    splits.make_live(layout, splits.create_full(layout, slot))
    journal.conclude(layout, "deploy", "live", release=name, live=slot)


def listed(layout: Layout) -> list[tuple[str, str, str]]:
    """Return path below the root, kind and what of each difference."""
    found = audit.audit(layout)["differences"]
    return [(os.path.relpath(one["path"], layout.root), one["kind"], one["what"]) for one in found]


def append(path: Path) -> None:
    """Edit a file as an editor does: its content is another, its mode the same."""
    mode = path.stat().st_mode & 0o7777
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"# by hand\n")
    path.chmod(mode)


def create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("by hand\n")


def relink(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def test_nothing_is_listed_of_what_was_shipped(host: Layout) -> None:
    assert audit.audit(host) == {
        "app": "hello", "under_way": False, "differences": [], "lines": [],
    }  # fmt: skip


Change = Callable[[Path], object]
CHANGES: dict[str, tuple[str, Change, str, str]] = {
    "code edited": (f"{RELEASE}/code/app.py", append, "file", "changed"),
    "code added": (f"{RELEASE}/code/new.py", create, "file", "added"),
    "code removed": (f"{RELEASE}/code/app.py", Path.unlink, "file", "missing"),
    "mode": (f"{RELEASE}/code/app.py", lambda path: path.chmod(0o666), "file", "mode"),
    "folder": (f"{RELEASE}/code/bin", lambda path: path.chmod(0o777), "file", "mode"),
    "link in code": (
        f"{RELEASE}/code/link.py", lambda path: relink(path, "bin/tool"), "link", "link",
    ),
    "file made a link": (
        f"{RELEASE}/code/app.py", lambda path: relink(path, "/tmp/x"), "link", "link",
    ),
    "environment": (f"{RELEASE}/env", append, "env", "changed"),
    "configuration": (f"{RELEASE}/config/sub/app.ini", append, "config", "changed"),
    "manifest": (f"{RELEASE}/release.json", append, "file", "changed"),
    "artifact": (f"{RELEASE}/artifact/manifest.json", append, "file", "changed"),
    "gunicorn": (f"{RELEASE}/gunicorn.conf.py", append, "file", "changed"),
    "worker": (f"{RELEASE}/gunicorn_threads.py", append, "file", "changed"),
    "release's unit": (f"{RELEASE}/unit.conf", append, "unit", "changed"),
    "seal edited": (f"{RELEASE}/seal.json", append, "seal", "changed"),
    "seal removed": (f"{RELEASE}/seal.json", Path.unlink, "seal", "missing"),
    "package edited": ("srv/hello/venvs/v1/lib/one.py", append, "package", "changed"),
    "package added": ("srv/hello/venvs/v1/lib/sitecustomize.py", create, "package", "added"),
    "interpreter": (
        "srv/hello/venvs/v1/bin/python", lambda path: relink(path, "/tmp/x"), "link", "link",
    ),
    "unknown release": ("srv/hello/releases/copy", Path.mkdir, "file", "added"),
    "unit edited": (f"{UNITS}/hello@.service", append, "unit", "changed"),
    "unit removed": (f"{UNITS}/hello.service", Path.unlink, "unit", "missing"),
    "socket's mode": (
        f"{UNITS}/hello@.socket", lambda path: path.chmod(0o666), "unit", "mode",
    ),
    "socket disabled": (
        f"{UNITS}/sockets.target.wants/hello@blue.socket", Path.unlink, "unit", "missing",
    ),
    "drop-in edited": (f"{UNITS}/hello@green.service.d/release.conf", append, "unit", "changed"),
    "drop-in removed": (
        f"{UNITS}/hello@green.service.d/release.conf", Path.unlink, "unit", "missing",
    ),
    "drop-in added": (f"{UNITS}/hello@green.service.d/override.conf", create, "unit", "added"),
    "drop-in of both": (f"{UNITS}/hello@.service.d/limits.conf", create, "unit", "added"),
    "drop-in until boot": (
        "run/systemd/system/hello@blue.socket.d/x.conf", create, "unit", "added",
    ),
    "slot masked": (
        f"{UNITS}/hello@blue.service", lambda path: relink(path, "/dev/null"), "unit", "added",
    ),
    "site edited": ("etc/nginx/conf.d/hello.conf", append, "site", "changed"),
    "site added": ("etc/nginx/conf.d/zz.conf", create, "site", "added"),
    "site enabled": ("etc/nginx/sites-enabled/default", create, "site", "added"),
    "nginx": ("etc/nginx/nginx.conf", append, "site", "changed"),
    "settings": ("etc/turnout/hello.json", append, "file", "changed"),
    "signers": ("etc/turnout/hello.allowed_signers", create, "file", "added"),
    "host program": ("usr/local/lib/turnout/host.pyz", append, "file", "changed"),
    "seal of provision": ("etc/turnout/hello.seal", append, "seal", "changed"),
    "key": ("etc/turnout/audit.key", Path.unlink, "seal", "missing"),
    "live": ("srv/hello/live", lambda path: relink(path, "splits/blue"), "link", "link"),
    "live removed": ("srv/hello/live", Path.unlink, "link", "missing"),
    "live slot": (
        "srv/hello/slots/green", lambda path: relink(path, "../releases/r1"), "link", "link",
    ),
    "idle slot": (
        "srv/hello/slots/blue", lambda path: relink(path, "../releases/r2"), "link", "link",
    ),
    "slot removed": ("srv/hello/slots/green", Path.unlink, "link", "missing"),
    "slot added": ("srv/hello/slots/red", create, "link", "added"),
    "lane": (
        "srv/hello/splits/green/07.sock", lambda path: relink(path, "/run/x.sock"), "link", "link",
    ),
    "lane removed": ("srv/hello/splits/green/07.sock", Path.unlink, "link", "missing"),
    "lane added": ("srv/hello/splits/green/20.sock", create, "link", "added"),
    "shared lane": (
        "srv/hello/splits/green15-blue05/04.sock",
        lambda path: relink(path, "/run/x.sock"), "link", "link",
    ),
    "static": (
        "srv/hello/splits/green/static",
        lambda path: relink(path, "../../slots/blue/static"), "link", "link",
    ),
    "no such split": ("srv/hello/splits/blue05-green16", Path.mkdir, "link", "added"),
    "split added": ("srv/hello/splits/mine", Path.mkdir, "link", "added"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_listed_and_it_alone(host: Layout, change: str) -> None:
    path, by_hand, kind, what = CHANGES[change]
    by_hand(host.root / path)

    assert listed(host) == [(path, kind, what)]


def test_a_new_folder_is_listed_once_whatever_is_in_it(host: Layout) -> None:
    create(host.root / RELEASE / "code/backup/one.py")
    create(host.root / RELEASE / "code/backup/two.py")

    assert listed(host) == [(f"{RELEASE}/code/backup", "file", "added")]


def test_another_owner_is_listed(host: Layout) -> None:
    key = seal.make_key(host)
    sealed = seal.read(host.release("r2") / seal.FILE, key)
    entries = {**sealed.entries, "env": {**sealed.entries["env"], "owner": "4711:0"}}
    seal.write(host, host.release("r2") / seal.FILE, entries)

    assert listed(host) == [(f"{RELEASE}/env", "env", "owner")]


def test_a_difference_says_since_when(host: Layout) -> None:
    path = host.root / RELEASE / "code/app.py"
    append(path)
    os.utime(path, (time.time() + 3600, time.time() + 3600))

    (found,) = audit.audit(host)["differences"]

    expected = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
    assert found["since"] == expected
    assert audit.audit(host)["lines"] == [f"{path}: file changed, since {expected}"]


def test_a_file_that_brought_an_old_time_along_is_dated_by_its_arrival(host: Layout) -> None:
    path = host.root / RELEASE / "code/old.py"
    create(path)
    os.utime(path, (0, 0))

    (found,) = audit.audit(host)["differences"]

    assert not found["since"].startswith("1970")


def test_no_secret_and_no_bare_hash_of_one_is_kept_or_shown(host: Layout) -> None:
    environment = (host.root / RELEASE / "env").read_bytes()
    sealed = (host.root / RELEASE / "seal.json").read_text()
    append(host.root / RELEASE / "env")
    said = json.dumps(audit.audit(host))

    assert making.sha256(environment) not in sealed
    assert "hush" not in sealed + said
    for path in (host.root / RELEASE / "seal.json", host.app_seal, host.audit_key):
        assert path.stat().st_mode & 0o777 == 0o600


def resealed(host: Layout) -> seal.Entries:
    venv = host.venv("v1")
    return seal.take(host, venv, seal.below(venv, venvs.UNSEALED))


def test_bytecode_that_python_writes_is_no_change(host: Layout) -> None:
    # Compiled as what the release's own configuration is called: its name has a dot in it.
    dotted = host.venv("v1") / "lib/two.conf.py"
    (host.venv("v1") / "lib/two.py").rename(dotted)
    (host.venv("v1") / seal.FILE).unlink()
    seal.write(host, host.venv("v1") / seal.FILE, resealed(host))
    py_compile.compile(str(dotted), optimize=1)
    compileall.compile_dir(host.root / RELEASE / "code", quiet=2, force=True)
    compileall.compile_dir(host.root / RELEASE / "code", quiet=2, optimize=2)
    py_compile.compile(str(host.venv("v1") / "lib/one.py"))

    assert listed(host) == []


def test_bytecode_that_says_something_else_than_its_source_is_listed(host: Layout) -> None:
    source = host.root / "other.py"
    source.write_text("app = 'mine'\n")
    cached = next((host.root / RELEASE / "code/__pycache__").glob("app.*.pyc"))
    py_compile.compile(str(source), cfile=str(cached))
    hidden = host.root / RELEASE / "code/gone.pyc"
    py_compile.compile(str(source), cfile=str(hidden))
    create(cached.with_name("new.cpython-311.pyc"))

    folder = f"{RELEASE}/code/__pycache__"
    assert listed(host) == [
        (f"{folder}/{cached.name}", "file", "changed"),
        (f"{folder}/new.cpython-311.pyc", "file", "added"),
        (f"{RELEASE}/code/gone.pyc", "file", "added"),
    ]


def test_bytecode_may_go(host: Layout) -> None:
    for cached in (host.root / RELEASE / "code/__pycache__").glob("*.pyc"):
        cached.unlink()

    assert listed(host) == []


def test_what_was_put_back_is_not_listed(host: Layout) -> None:
    path = host.root / RELEASE / "code/app.py"
    before = path.read_bytes()
    append(path)
    path.write_bytes(before)

    assert listed(host) == []


def test_rollbacks_and_failures_are_no_changes_by_hand(host: Layout) -> None:
    journal.begin(host, "r1", "rollback")
    splits.make_live(host, splits.create_full(host, "blue"))
    journal.conclude(host, "rollback", "live", release="r1", live="blue")
    (host.release("r2") / "failed.json").write_text("{}")
    assert listed(host) == []

    journal.begin(host, "r2")
    splits.make_live(host, splits.create_full(host, "green"))
    journal.conclude(host, "deploy", "live", release="r2", live="green")
    splits.make_live(host, "blue")
    journal.conclude(host, "deploy", "withdrawn", release="r2")
    assert listed(host) == []


def test_what_a_running_deploy_does_to_links_is_not_listed(host: Layout) -> None:
    journal.begin(host, "r3")
    replace_link(host.slot("blue"), "../releases/r2")
    splits.make_live(host, splits.create_full(host, "blue"))
    (host.releases / ".r3.new").mkdir()

    assert audit.audit(host)["under_way"] is True
    assert listed(host) == []


def test_a_host_that_changes_meanwhile_is_looked_at_again(
    host: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(host.root / RELEASE / "env")
    looks = []
    differences = audit._differences

    def ends_meanwhile(layout: Layout) -> Any:
        looks.append(differences(layout))
        if len(looks) == 1:
            journal.begin(layout, "r3")
            journal.conclude(layout, "deploy", "failed", release="r3")
        return looks[-1]

    monkeypatch.setattr(audit, "_differences", ends_meanwhile)

    assert listed(host) == [(f"{RELEASE}/env", "env", "changed")]
    assert len(looks) == 2


def test_a_host_of_an_earlier_version_is_said_to_have_no_seals(layout: Layout) -> None:
    making.make_release(layout, "r1")
    seal.make_key(layout)

    assert listed(layout) == [
        ("etc/turnout/_host.seal", "seal", "missing"),
        ("etc/turnout/hello.seal", "seal", "missing"),
        ("srv/hello/releases/r1/seal.json", "seal", "missing"),
        ("srv/hello/venvs/v1/seal.json", "seal", "missing"),
    ]


def test_a_second_provision_seals_nothing_anew(host: Layout) -> None:
    sealed = host.app_seal.read_bytes()

    assert sealing.seal_provision(host, check=True) is False
    assert sealing.seal_provision(host) is False
    assert host.app_seal.read_bytes() == sealed


def test_check_mode_says_what_would_be_sealed_and_seals_nothing(layout: Layout) -> None:
    assert sealing.seal_provision(layout, check=True) is True
    assert not layout.app_seal.exists()
    assert not layout.audit_key.exists()


def test_provision_of_another_app_is_no_change_of_this_one(host: Layout) -> None:
    other = Layout("other", host.root)
    other.settings.write_text("{}")
    (host.root / "etc/nginx/conf.d/other.conf").write_text("theirs\n")
    (host.root / "usr/local/lib/turnout/host.pyz").write_text("newer\n")
    sealing.seal_provision(other)

    assert listed(host) == []
