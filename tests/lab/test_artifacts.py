"""What is built once is what runs: shipped whole, signed, refused when it was tampered with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import clone as clones
from tests.lab import small
from tests.lab.site import Host, Site
from turnout.lab_ssh import read_host_keys
from turnout.paths import LABS, REPOSITORY

pytestmark = pytest.mark.lab

ARTIFACTS = REPOSITORY / ".turnout/artifacts"


@contextmanager
def cut_off(host: Host) -> Iterator[None]:
    """Take the VM's way to the outside; what it has left is its own network."""
    route = host.run("ip route show default").stdout.decode().strip()
    assert route
    assert host.run("ip route del default").returncode == 0
    try:
        # No address of the outside world is known to the VM any more.
        assert b"unreachable" in host.run("ip route get 198.51.100.1 2>&1").stdout
        yield
    finally:
        host.run(f"ip route add {route}")


@pytest.fixture(scope="module")
def site(small_site: Site) -> Site:
    return small_site


def release_of(site: Site, release: str) -> dict[str, Any]:
    text = site.host.run(f"cat /srv/{site.name}/releases/{release}/release.json").stdout
    return dict(json.loads(text))


def test_a_host_without_the_outside_network_gets_new_wheels_and_a_new_environment(
    site: Site,
) -> None:
    before = site.status()
    with cut_off(site.host):
        # One package more is another lock, so another virtual environment.
        after = site.deploy("offline", app_packages=["iniconfig==2.1.0"])

    venvs = [release_of(site, name)["venv"] for name in (before["release"], after)]
    made = site.host.run(f"cat /srv/{site.name}/venvs/{venvs[1]}/pyvenv.cfg").stdout.decode()
    assert venvs[0] != venvs[1]
    assert "uv = " in made
    assert (
        site.host.run(
            f"/srv/{site.name}/venvs/{venvs[1]}/bin/python -c 'import iniconfig'"
        ).returncode
        == 0
    )


def test_another_setting_is_another_release_of_the_same_artifact(site: Site) -> None:
    site.play("deploy")
    before = site.status()

    site.play("deploy", app_env={"COOKIE_SECURE": "0", "GREETING": "hello"})

    after = site.status()
    assert after["artifact"] == before["artifact"]
    assert after["release"] != before["release"]
    env = site.host.run(f"cat /srv/{site.name}/releases/{after['release']}/env").stdout.decode()
    assert 'GREETING="hello"' in env
    assert release_of(site, after["release"])["signer"] == "lab"


def refused(site: Site, why: str, **settings: Any) -> None:
    """A deploy is refused for this reason, and what was live still is."""
    before = site.status()
    with pytest.raises(AssertionError) as output:
        site.play("deploy", **settings)
    assert why in " ".join(str(output.value).split())
    assert site.status()["release"] == before["release"]
    assert not site.host.run(f"ls -d /srv/{site.name}/releases/.[!.]*").stdout


def test_an_artifact_that_was_tampered_with_on_the_controller_is_refused(site: Site) -> None:
    artifact = ARTIFACTS / str(site.status()["artifact"])
    whole = (artifact / "manifest.json").read_text()
    said = json.loads(whole)
    said["commit"] = "0" * 40
    try:
        (artifact / "manifest.json").write_text(json.dumps(said))

        # Another setting, or the host would have the release already.
        other = {"app_env": {"COOKIE_SECURE": "0", "N": "1"}, "release_artifact": artifact.name}
        refused(site, "manifest is not what lab signed", **other)
    finally:
        (artifact / "manifest.json").write_text(whole)


def test_an_artifact_that_somebody_else_signed_is_refused(site: Site, tmp_path: Path) -> None:
    key = tmp_path / "mallory"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (site.source / "hello/version.py").write_text('VERSION = "mallory"\n')

    refused(site, "the artifact is not signed", app_signing_key="")
    refused(site, "signed by a key that is not in app_allowed_signers", app_signing_key=str(key))


def fetch(site: Site, path: str, *more: str) -> tuple[int, str]:
    """Return status and headers of what nginx answers."""
    command = ["curl", "-sS", "-o", "/dev/null", "-D", "-", *more, f"{site.url}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(said.split()[1]), said.lower()


def test_a_page_from_before_the_switch_finds_its_files_after_it(site: Site) -> None:
    static = site.source / "hello/static"
    old, new = static / "page one.0a1b2c3d.css", static / "page-two.css"
    old.write_text("p { color: black }\n" * 200)
    site.deploy("static-1")
    old.unlink()
    new.write_text("p { color: white }\n")
    site.deploy("static-2")

    status, headers = fetch(site, "/static/page%20one.0a1b2c3d.css", "-H", "Accept-Encoding: gzip")
    assert status == 200
    assert "content-encoding: gzip" in headers
    assert "max-age=315360000" in headers
    status, headers = fetch(site, "/static/page-two.css")
    assert status == 200
    assert "cache-control: no-cache" in headers
    assert "x-request-id: " in headers
    for path in ("/static/none.css", "/static/", "/static/../hello.css", "/static/..%2f..%2fenv"):
        assert fetch(site, path, "--path-as-is")[0] in (400, 403, 404), path


@pytest.fixture
def clone(site: Site, tmp_path: Path) -> clones.Clone:
    """A checkout on another machine: it has built nothing, and its staging is on the VM."""
    lab, vm = site.host.lab, site.host.vm
    made = clones.make(tmp_path / "clone", "staging", TURNOUT_LAB=lab.name)
    shutil.copytree(LABS / lab.name, made.path / ".turnout/lab" / lab.name)
    shutil.copy(REPOSITORY / "requirements.txt", made.path)
    where = {"ansible_host": "127.0.0.1", "ansible_port": vm.ssh_port, "ansible_user": "root"}
    staging = made.path / "inventories/staging"
    (staging / "hosts.yml").write_text(
        yaml.safe_dump(
            {"web": {"hosts": {"web1": {**where, "ansible_ssh_private_key_file": str(lab.key)}}}}
        )
    )
    (staging / "known_hosts").write_text(read_host_keys(vm))
    assert made.invoke("secrets.init", "--env", "staging").code == 0
    return made


def test_staging_gets_the_very_bytes_that_the_first_environment_has_verified(
    site: Site, clone: clones.Clone
) -> None:
    site.deploy("promoted")
    verified = site.status()
    signer = f"lab {site.host.lab.key.with_suffix('.pub').read_text()}"
    settings = small.SETTINGS | {
        "app_name": "promoted",
        "app_hostnames": ["promoted.localhost"],
        "app_allowed_signers": [signer.strip()],
        "app_source": "/nowhere",
        "app_test_command": "",
    }
    with clone.settings(**settings):
        provisioned = clone.invoke("provision", "--env", "staging")
        assert provisioned.code == 0, provisioned.output

        done = clone.invoke("promote", "--from", "local", "--to", "staging")

    assert done.code == 0, done.output
    there = site.host.run(
        "cat /srv/promoted/releases/*/artifact/code.tar.gz | sha256sum; "
        f"sha256sum < /srv/{site.name}/releases/{verified['release']}/artifact/code.tar.gz"
    ).stdout.split()
    assert there[0] == there[2]
    assert f"Fetching {verified['artifact']} from local" in done.output
