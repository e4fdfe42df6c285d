"""What a hand changes on a host is listed by path and kind; what Turnout does itself is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab import small
from tests.lab.site import Host, Site
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

FILES = ("hello/one.py", "hello/two.py", "hello/three.py", "hello/four.py")
UNITS, KEPT = "/etc/systemd/system", "/root/kept.tar"


@dataclass(frozen=True)
class Ran:
    code: int
    output: str


@pytest.fixture(scope="module")
def used(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that was provisioned, deployed to twice and rolled back."""
    site = Site(host, tmp_path_factory.mktemp("site"), code=small.CODE, **small.SETTINGS)
    for name in FILES:
        (site.source / name).touch()
    site.provision()
    for version in ("1", "2"):
        site.deploy(version)
    site.program("rollback")
    return site


def invoke(site: Site, *words: str) -> Ran:
    """Run a verb as an operator does."""
    argv = [sys.executable, "-m", "invoke", *words, "--env", "local"]
    return ran(argv, os.environ | {"TURNOUT_LAB": site.host.lab.name})


def ran(argv: list[str], variables: dict[str, str]) -> Ran:
    done = subprocess.run(
        argv, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
    )
    return Ran(done.returncode, done.stdout + done.stderr)


def differences(site: Site) -> set[tuple[str, str, str]]:
    """Return path, kind and what of each difference."""
    return {(one["path"], one["kind"], one["what"]) for one in found(site)}


def found(site: Site) -> list[dict[str, Any]]:
    return list(site.program("audit")["differences"])


def changes(site: Site) -> dict[tuple[str, str, str], str]:
    """Return a change by hand of each kind, with the command that makes it."""
    status = site.status()
    release = f"/srv/hello/releases/{status['release']}"
    code = [f"{release}/code/{name}" for name in FILES]
    known = json.loads(site.host.inside(f"cat {release}/release.json"))
    package = site.host.inside(
        f"ls /srv/hello/venvs/{known['venv']}/lib/python3*/site-packages/gunicorn/util.py"
    )
    idle = "blue" if status["live"] == "green" else "green"
    append = "echo '# by hand' >> {0}"
    return {
        (code[0], "file", "changed"): append,
        (f"{release}/code/hello/extra.py", "file", "added"): "touch {0}",
        (code[1], "file", "missing"): "rm {0}",
        (code[2], "file", "mode"): "chmod 666 {0}",
        (code[3], "file", "owner"): "chown hello {0}",
        (f"{release}/release.json", "file", "changed"): "echo >> {0}",
        (f"{release}/env", "env", "changed"): "echo 'MINE=\"1\"' >> {0}",
        (package.strip(), "package", "changed"): append,
        ("/srv/hello/live", "link", "link"): f"ln -sfn splits/{idle} {{0}}",
        (f"{UNITS}/hello@.service", "unit", "changed"): append,
        (f"{UNITS}/hello@{idle}.service.d/override.conf", "unit", "added"): "touch {0}",
        (f"{UNITS}/hello@{idle}.service.d/release.conf", "unit", "changed"): append,
        (f"{UNITS}/sockets.target.wants/hello@{idle}.socket", "unit", "missing"): (
            f"systemctl disable --quiet hello@{idle}.socket"
        ),
        ("/etc/nginx/conf.d/hello.conf", "site", "changed"): append,
        ("/etc/nginx/conf.d/zz.conf", "site", "added"): "touch {0}",
        ("/etc/turnout/hello.json", "file", "changed"): "echo >> {0}",
    }  # fmt: skip


@contextmanager
def by_hand(site: Site, made: dict[tuple[str, str, str], str]) -> Iterator[None]:
    """Make these changes, and put everything back afterwards as it was, times and all."""
    there = [path for path, _, what in made if what != "added"]
    site.host.inside(f"tar --create --absolute-names --file={KEPT} {' '.join(there)}")
    try:
        for (path, _, _), command in made.items():
            site.host.inside(command.format(path))
        yield
    finally:
        new = [path for path, _, what in made if what == "added"]
        links = [path for path, _, what in made if what == "link"]
        site.host.inside(
            f"rm {' '.join([*new, *links])}; tar --extract --absolute-names --file={KEPT}"
        )


def test_what_provision_deploy_and_rollback_do_is_no_difference(used: Site) -> None:
    audited = invoke(used, "audit")

    assert audited == Ran(0, "hello in local: as it was shipped, on 1 host\n")


def test_a_second_provision_is_no_difference_either(used: Site) -> None:
    used.play("provision")

    assert found(used) == []


def test_every_change_by_hand_is_listed_and_what_is_put_back_is_not(used: Site) -> None:
    made = changes(used)
    release = used.status()["release"]
    secret = used.host.inside(f"grep SECRET_KEY= /srv/hello/releases/{release}/env").split('"')[1]
    with by_hand(used, made):
        assert differences(used) == set(made)

        audited, document = invoke(used, "audit"), invoke(used, "audit", "--json")
        played = ran(*used.command("audit"))

    told = re.sub(r"\s+", "", played.output)
    assert (audited.code, document.code) == (1, 1)
    assert played.code != 0
    for path, kind, what in made:
        assert re.search(rf"^{kind} +{what} .*{re.escape(path)}", audited.output, re.M), path
        assert f"{path}:{kind}" in told, path
    (host,) = json.loads(document.output)["hosts"]
    assert {one["path"] for one in host["differences"]} == {path for path, _, _ in made}
    for ran_one in (audited, document, played):
        assert secret not in ran_one.output

    assert found(used) == []
    played = ran(*used.command("audit"))
    assert played.code == 0, played.output


def test_what_the_app_and_python_write_is_no_difference(used: Site) -> None:
    release = used.status()["release"]
    folder = f"/srv/hello/releases/{release}"
    venv = json.loads(used.host.inside(f"cat {folder}/release.json"))["venv"]
    python = f"/srv/hello/venvs/{venv}/bin/python"

    used.host.inside(
        f"{python} -O -m compileall -q {folder}/code; {python} -O -c 'import gunicorn.util'"
    )

    assert found(used) == []
