"""What the lab needs on this machine, and the Debian packages it comes in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from turnout.lab_errors import LabError
from turnout.long_step import Progress, run_long
from turnout.paths import LABS

# What the lab runs, and the Debian package it comes in.
PROGRAMS = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "iptables": "iptables",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "debootstrap": "debootstrap",
    "chromium": "chromium",
    "docker-compose": "docker-compose",
}
# Not these: only the tests that look at pages, or at containers, need them.
ENGINE = tuple(name for name in PROGRAMS if name not in ("chromium", "docker-compose"))
SSH = ("ssh", "ssh-keygen")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Recommended by docker.io, needed to pull over TLS and where the kernel enforces AppArmor.
COMPANIONS = ("ca-certificates", "apparmor")


def missing_programs(names: Iterable[str] = ENGINE) -> list[str]:
    """Return the programs of ``names`` that are not on PATH or where root's programs are."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return [name for name in names if not shutil.which(name, path=path)]


def packages_for(programs: list[str], *, has_docker_cli: bool) -> list[str]:
    """Return the Debian packages that bring these programs, in order and once each."""
    packages = [PROGRAMS[name] for name in programs]
    if "docker.io" in packages:
        # Debian 13 ships the docker command in a package of its own.
        packages += [*COMPANIONS, *(["docker-cli"] if has_docker_cli else [])]
    if "debootstrap" in packages:
        packages.append("debian-archive-keyring")
    return list(dict.fromkeys(packages))


def remedy(*, debian: bool) -> str:
    """Return what a person without root, or on another system, does about a missing engine."""
    if not missing_programs(["dockerd"]):
        return "sudo systemctl start docker, or run this as root"
    if debian:
        return "sudo apt-get install docker.io debootstrap openssh-client, or run this as root"
    return "install Docker Engine and start it (https://docs.docker.com/engine/install/)"


def is_debian_family() -> bool:
    """Say whether apt-get and Debian's package names are to be had."""
    if not Path("/etc/os-release").exists() or not shutil.which("apt-get"):
        return False
    release = platform.freedesktop_os_release()
    return "debian" in (release["ID"], *release.get("ID_LIKE", "").split())


def install(programs: list[str], progress: Progress) -> None:
    """Install the packages of these programs, as root on Debian or Ubuntu.

    Raises:
        LabError: where that cannot be done, with the command that helps.
    """
    if not programs:
        return
    if os.geteuid() != 0 or not is_debian_family():
        raise LabError(
            "The lab needs programs that are not installed",
            where="this machine",
            why=", ".join(programs),
            next_step=remedy(debian=is_debian_family()),
        )
    progress(f"Installing what the lab needs ({', '.join(programs)}) with apt-get")
    _apt("update", progress=progress)
    packages = packages_for(programs, has_docker_cli=_is_package("docker-cli"))
    _apt("install", "--yes", "--no-install-recommends", *packages, progress=progress)


def _apt(*arguments: str, progress: Progress) -> None:
    run_long(
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *arguments],
        what=f"apt-get {arguments[0]}",
        log=LABS / "apt.log",
        progress=progress,
        seconds=600,
        next_step=f"make `apt-get {' '.join(arguments)}` work, then run the same command again",
    )


def _is_package(name: str) -> bool:
    found = subprocess.run(
        ["apt-cache", "show", name], capture_output=True, timeout=60, check=False
    )
    return found.returncode == 0
