"""A mistake that only a host can find out ends in one clear error, and the live site never notices.

One VM, provisioned once; a clone of the repository with a small app of its own name.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clone import Clone, Ran, assert_one_error, make
from tests.lab.faults import fill_up, small_disk
from tests.lab.site import Host

pytestmark = pytest.mark.lab

# A real environment and not `local`: nothing is made or provisioned by the way.
ENV = "staging"
APP = "junction"
SETTINGS = {
    "app_name": APP,
    "app_hostnames": [f"{APP}.localhost"],
    "app_health": {"soak_seconds": 0, "start_timeout_seconds": 20},
    "app_warm_seconds": 600,
}


@pytest.fixture(scope="module")
def clone(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose staging is the VM, with a release live on it."""
    made = make(tmp_path_factory.mktemp("clone"), ENV, TURNOUT_LAB=host.lab.name)
    _make_staging_the_vm(made, host)
    for verb in ("provision", "deploy"):
        ran = made.invoke(verb, "--env", ENV, *(["--no-tests"] if verb == "deploy" else []))
        assert ran.code == 0, ran.output
    return made


def _make_staging_the_vm(clone: Clone, host: Host) -> None:
    inventory = clone.settings_folder.parents[1]
    (inventory / "hosts.yml").unlink()
    (clone.settings_folder / "ansible.yml").unlink()
    shutil.copy2(inventory.with_name("local") / "lab.py", inventory)
    shutil.copytree(host.lab.folder, _lab(clone, host))
    (clone.settings_folder / "team.yml").write_text(json.dumps(SETTINGS))
    assert clone.invoke("secrets.init", "--env", ENV).code == 0


def _lab(clone: Clone, host: Host) -> Path:
    return clone.path / ".turnout/lab" / host.lab.name


@contextmanager
def live_site_does_not_notice(host: Host) -> Iterator[None]:
    """Traffic goes where it went, to the same processes, and nothing half-made stays."""
    before = _live(host)
    yield
    assert _live(host) == before


def _live(host: Host) -> str:
    """Return the live slot, its release, its main process, and what is half-made."""
    found = _ask(
        host,
        f"cd /srv/{APP} && slot=$(basename $(readlink live)) && echo $slot && "
        "readlink slots/$slot && "
        f"systemctl show --property MainPID,ActiveState {APP}@$slot && "
        "{ ls -A releases venvs | grep '^[.]' || echo nothing half-made; }",
    )
    assert "ActiveState=active" in found
    assert "nothing half-made" in found
    return found


def _ask(host: Host, command: str) -> str:
    done = host.run(command)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def deploy(clone: Clone, **variables: str) -> Ran:
    return clone.invoke("deploy", "--env", ENV, "--no-tests", **variables)


def deploys_again(clone: Clone, host: Host) -> None:
    """The next deploy, of changed code, needs no help."""
    slot = _live(host).split()[0]
    page = clone.path / "app/hello/pages.py"
    page.write_text(f"{page.read_text()}\n# Changed once more.\n")
    ran = deploy(clone)
    assert ran.code == 0, ran.output
    assert _live(host).split()[0] != slot


def test_unreachable_host_is_told_with_its_port(clone: Clone, host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    state = f".turnout/lab/{host.lab.name}/lab.json"
    old, new = f'"ssh_port": {host.vm.ssh_port}', f'"ssh_port": {port}'

    with live_site_does_not_notice(host), clone.changed(state, old, new), clone.settings():
        by_invoke = deploy(clone)
        by_ansible = clone.ansible("deploy", "-i", f"inventories/{ENV}")

    assert_one_error(
        by_invoke, f"failed on {host.vm.name}", f"port {port} of 127.0.0.1 is closed", "sshd"
    )
    assert_one_error(
        by_ansible, f"failed on {host.vm.name}", "cannot be reached", f"port {port}", "ansible_port"
    )


def test_wrong_ssh_key_is_named(clone: Clone, host: Host, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "stranger")],
        check=True,
    )
    key = _lab(clone, host) / host.lab.key.name

    with (
        live_site_does_not_notice(host),
        clone.settings(),
        replaced(key, tmp_path / "stranger"),
        replaced(key.with_suffix(".pub"), tmp_path / "stranger.pub"),
        tempfile.TemporaryDirectory() as short,  # as a socket's path has to be
    ):
        # A connection that was kept would get through with whatever key.
        ran = deploy(clone, ANSIBLE_SSH_CONTROL_PATH_DIR=short)

    assert_one_error(
        ran, f"failed on {host.vm.name}", "SSH refused the key of user root", str(key),
        "ansible_ssh_private_key_file",
    )  # fmt: skip


@contextmanager
def replaced(file: Path, other: Path) -> Iterator[None]:
    """Let another file stand in a file's place."""
    aside = file.with_name(f"{file.name}.aside")
    file.rename(aside)
    shutil.copy2(other, file)
    try:
        yield
    finally:
        aside.replace(file)


def test_host_that_is_not_debian_is_named_with_what_it_runs(clone: Clone, host: Host) -> None:
    fedora = 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=41\n'
    _ask(host, "mv /etc/os-release /etc/os-release.aside")
    try:
        host.run("cat > /etc/os-release", fedora.encode())
        with live_site_does_not_notice(host):
            ran = clone.invoke("provision", "--env", ENV)
    finally:
        _ask(host, "mv /etc/os-release.aside /etc/os-release")

    assert_one_error(
        ran, f"{host.vm.name} runs Fedora", "not of the Debian family", "Debian 12 or newer"
    )


def test_python_that_the_host_lacks_is_told_with_the_one_it_has(clone: Clone, host: Host) -> None:
    change = clone.changed("app/hello/pages.py", "", "# There is something to deploy.\n")
    with live_site_does_not_notice(host), clone.settings(app_python=">=3.99"), change:
        ran = deploy(clone)

    assert_one_error(
        ran, f"failed on {host.vm.name}", "needs Python >=3.99", "has 3.11.", "app_python"
    )


def test_full_disk_is_found_before_anything_is_built(clone: Clone, host: Host) -> None:
    change = clone.changed("app/hello/pages.py", "", "# There is something to deploy.\n")
    with small_disk(host, 40_000), live_site_does_not_notice(host), change:
        ran = deploy(clone)

    assert_one_error(
        ran, f"failed on {host.vm.name} in Preflight", f"the disk of /srv/{APP} is full",
        "500 MiB needed", "make room",
    )  # fmt: skip


def test_disk_that_fills_up_half_way_leaves_nothing_behind(clone: Clone, host: Host) -> None:
    page = clone.path / "app/hello/pages.py"
    page.write_text(f"{page.read_text()}\n# Changed, so that there is something to stage.\n")
    hook = {"before_stage": [{"command": fill_up(host)}]}
    with (
        clone.settings(release_free_megabytes=0, app_hooks=hook),
        small_disk(host, 40_000),
        live_site_does_not_notice(host),
    ):
        ran = deploy(clone)

    assert_one_error(
        ran, f"failed on {host.vm.name} in Stage", "a disk of the host is full", "MiB in /srv",
        "make room",
    )  # fmt: skip
    deploys_again(clone, host)


def test_requirements_that_cannot_resolve_are_told_by_file_and_package(
    clone: Clone, host: Host
) -> None:
    with (
        live_site_does_not_notice(host),
        clone.changed("app/requirements.txt", "flask==", "flask==99."),
    ):
        ran = deploy(clone)

    assert_one_error(ran, "in Build", "app/requirements.txt", "flask==99.", "Next: correct")
    assert clone.invoke("build", "--env", ENV).code == 0


def test_app_that_does_not_import_is_told_with_its_own_words(clone: Clone, host: Host) -> None:
    first = "from flask import Flask"
    with (
        live_site_does_not_notice(host),
        clone.changed("app/hello/__init__.py", first, f"import nothing_installed\n{first}"),
    ):
        ran = deploy(clone)

    assert_one_error(
        ran, f"failed on {host.vm.name} in Migrate", "the app does not import",
        "No module named 'nothing_installed'",
        "mend the app", "the live release was not touched",
    )  # fmt: skip
    deploys_again(clone, host)


def test_app_that_ends_itself_at_import_is_told_with_its_exit_code(
    clone: Clone, host: Host
) -> None:
    first = "from flask import Flask"
    with (
        live_site_does_not_notice(host),
        clone.changed("app/hello/__init__.py", first, f"raise SystemExit(3)\n{first}"),
    ):
        ran = deploy(clone)

    assert_one_error(ran, "does not import", "it ends itself, with exit code 3", "mend the app")


def test_factory_without_parentheses_is_told_how_to_write_it(clone: Clone, host: Host) -> None:
    with live_site_does_not_notice(host), clone.settings(app_entry="hello:create_app"):
        ran = deploy(clone)

    assert_one_error(
        ran, f"failed on {host.vm.name} in Migrate", "no WSGI application", "hello:create_app()"
    )


def test_entry_that_names_no_callable_is_told_by_its_setting(clone: Clone, host: Host) -> None:
    with live_site_does_not_notice(host), clone.settings(app_entry="hello:application"):
        by_invoke = deploy(clone)
        by_ansible = clone.ansible("deploy", "-i", f"inventories/{ENV}", "-e", "release_test=false")

    for ran in (by_invoke, by_ansible):
        assert_one_error(
            ran, f"failed on {host.vm.name}", "'application' in 'hello'",
            "app_entry (hello:application)", "the live release was not touched",
        )  # fmt: skip
    deploys_again(clone, host)
