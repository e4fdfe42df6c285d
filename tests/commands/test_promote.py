"""Promote takes what one environment has verified, and nothing else, to the next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.build_samples import BOOKWORM, commit_app, served_lock
from turnout import promote as promote_module
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.promote import promote
from turnout.reach import HostError
from turnout_build import AppSpec, Artifact, build

STAGING = Environment("staging", "shop", [Host("web1", "web1"), Host("web2", "web2")])


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """What staging runs, built on another machine."""
    app = commit_app(tmp_path / "app", served_lock(tmp_path / "index"))
    return build(AppSpec(app), [BOOKWORM], tmp_path / "elsewhere")


@pytest.fixture
def staging(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """What staging's hosts say; web2 alone has the wheels."""
    entry = {"artifact": artifact.name, "release": f"{artifact.name}-rev", "verified": True}
    hosts = [{"host": name, **entry} for name in ("web1", "web2")]
    elsewhere = artifact.path.parents[1]

    def fetch(host: Host, remote: str, local: Path) -> None:
        if remote.startswith(promote_module.WHEELS):
            found = elsewhere / "wheels" / Path(remote).relative_to(promote_module.WHEELS)
            if host.name == "web1":
                raise HostError(host.name, f"{remote} cannot be fetched")
        else:
            assert remote.startswith(f"/srv/shop/releases/{artifact.name}-rev/artifact/")
            found = artifact.path / Path(remote).name
        shutil.copy(found, local)

    monkeypatch.setattr(promote_module, "WORK", tmp_path / ".turnout")
    monkeypatch.setattr(promote_module, "load", lambda env: STAGING)
    monkeypatch.setattr(promote_module.local, "ready", lambda env: STAGING)
    monkeypatch.setattr(promote_module.status, "ask", lambda environment: hosts)
    monkeypatch.setattr(promote_module.ssh, "fetch", fetch)
    monkeypatch.setattr(promote_module.ssh, "output", lambda *_: "code.tar.gz\nmanifest.json\n")
    return hosts


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(promote_module, "deploy", lambda env, **how: calls.append((env, how)))
    return calls


def test_the_very_bytes_come_from_the_hosts_that_have_verified_them(
    staging: list[dict[str, Any]], deployed: list[Any], artifact: Artifact, tmp_path: Path
) -> None:
    promote("staging", "prod")

    (env, how), *_ = deployed
    received = tmp_path / ".turnout/artifacts" / artifact.name
    assert (env, how["artifact"], how["tests"]) == ("prod", artifact.name, False)
    for name in ("code.tar.gz", "manifest.json"):
        assert (received / name).read_bytes() == (artifact.path / name).read_bytes()


def test_of_an_artifact_that_is_here_only_manifest_and_signature_are_fetched(
    staging: list[dict[str, Any]],
    deployed: list[Any],
    artifact: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(artifact.path.parents[1], tmp_path / ".turnout")
    here = tmp_path / ".turnout/artifacts" / artifact.name
    (here / "manifest.json.sig").write_text("by the key of another environment")
    (artifact.path / "manifest.json.sig").write_text("by the key that staging takes")
    names = "code.tar.gz\nmanifest.json\nmanifest.json.sig\n"
    monkeypatch.setattr(promote_module.ssh, "output", lambda *_: names)
    fetched, whole = [], promote_module.ssh.fetch

    def fetch(host: Host, remote: str, local: Path) -> None:
        fetched.append(Path(remote).name)
        whole(host, remote, local)

    monkeypatch.setattr(promote_module.ssh, "fetch", fetch)

    promote("staging", "prod")

    assert len(deployed) == 1
    assert fetched == ["manifest.json", "manifest.json.sig"]
    assert (here / "manifest.json.sig").read_text() == "by the key that staging takes"


@pytest.mark.parametrize(
    "name", ["../../../.ssh", "/etc", "20260101T000000-abc-12345678/../x", "."]
)
def test_a_host_that_was_broken_into_names_no_path_on_this_machine(
    staging: list[dict[str, Any]], deployed: list[Any], tmp_path: Path, name: str
) -> None:
    for host in staging:
        host["artifact"] = name

    with pytest.raises(TurnoutError, match="no artifact that could be promoted"):
        promote("staging", "prod")

    assert deployed == []
    assert not (tmp_path / ".turnout/artifacts").exists()


@pytest.mark.parametrize(
    "change", [{"file": "../../escaped"}, {"sha256": "../.."}, {"file": "/etc/passwd"}]
)
def test_nor_does_a_manifest_of_it(
    staging: list[dict[str, Any]],
    deployed: list[Any],
    artifact: Artifact,
    tmp_path: Path,
    change: dict[str, str],
) -> None:
    manifest = json.loads((artifact.path / "manifest.json").read_text())
    manifest["targets"][0]["wheels"][0].update(change)
    (artifact.path / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(TurnoutError, match="no artifact that could be promoted"):
        promote("staging", "prod")

    assert deployed == []
    assert not list((tmp_path / ".turnout").rglob("escaped"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"artifact": "another"}, "different artifacts"),
        ({"verified": False}, "Nothing that staging has verified"),
        ({"error": "no answer", "why": "", "next_step": ""}, "no answer"),
    ],
)
def test_what_is_not_one_verified_artifact_is_not_promoted(
    staging: list[dict[str, Any]], deployed: list[Any], change: dict[str, Any], why: str
) -> None:
    staging[1].update(change)

    with pytest.raises(TurnoutError, match=why):
        promote("staging", "prod")

    assert deployed == []


def test_nothing_is_promoted_from_an_empty_environment(
    staging: list[dict[str, Any]], deployed: list[Any]
) -> None:
    for host in staging:
        host["artifact"] = None

    with pytest.raises(TurnoutError, match="Nothing that staging has verified"):
        promote("staging", "prod")


def test_wheels_come_from_where_an_older_host_program_kept_them(
    staging: list[dict[str, Any]],
    deployed: list[Any],
    artifact: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = promote_module.ssh.fetch

    def fetch(host: Host, remote: str, local: Path) -> None:
        if local.suffix != ".whl":
            whole(host, remote, local)
        elif remote == f"{promote_module.WHEELS}/{local.name}":
            shutil.copy(next(artifact.path.parents[1].glob(f"wheels/*/{local.name}")), local)
        else:
            raise HostError(host.name, f"{remote} cannot be fetched")

    monkeypatch.setattr(promote_module.ssh, "fetch", fetch)

    promote("staging", "prod")

    assert len(deployed) == 1
    assert list((tmp_path / ".turnout/wheels").glob("*/*.whl"))


def test_a_wheel_that_rotted_on_the_way_is_refused_and_not_kept(
    staging: list[dict[str, Any]],
    deployed: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = promote_module.ssh.fetch

    def fetch(host: Host, remote: str, local: Path) -> None:
        whole(host, remote, local)
        if local.suffix == ".whl":
            local.write_bytes(b"rotten")

    monkeypatch.setattr(promote_module.ssh, "fetch", fetch)

    with pytest.raises(TurnoutError, match="not the wheel that the artifact names"):
        promote("staging", "prod")

    assert deployed == []
    assert list((tmp_path / ".turnout/wheels").glob("*")) == []
