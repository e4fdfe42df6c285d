"""The plain Debian that a lab image is built over: from a registry, or from the Debian mirror."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from turnout.docker import docker
from turnout.lab_errors import LabError
from turnout.lab_packages import KEYRING, install, missing_programs
from turnout.long_step import Progress, run_long
from turnout.paths import LABS

WORK = LABS / ".image"
RELEASES = {"bookworm": "12", "trixie": "13"}
MIRRORS = ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")


def exists(tag: str) -> bool:
    """Say whether the engine has this image."""
    return bool(docker("image", "ls", "--quiet", tag).strip())


def machine_mirrors() -> tuple[str, str]:
    """Return the Debian and security mirrors this machine uses, Debian's own if it is no Debian."""
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    if release.get("ID") != "debian" or not shutil.which("apt-get"):
        return MIRRORS
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return pick_mirrors(targets.stdout, release.get("VERSION_CODENAME", ""))


def pick_mirrors(targets: str, codename: str) -> tuple[str, str]:
    """Choose from apt's own list of ``address suite`` lines those of Debian's main archive."""
    rows = [line.split() for line in targets.splitlines()]
    suites = {row[1]: row[0].rstrip("/") for row in rows if len(row) == 2 and _over_http(row[0])}
    return (
        suites.get(codename, MIRRORS[0]),
        suites.get(f"{codename}-security", MIRRORS[1]),
    )


def _over_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def ensure_base(release: str, mirror: str, progress: Progress) -> str:
    """Return the tag of a plain Debian image: pulled where a registry answers, else made here.

    Raises:
        LabError: if neither a registry nor the mirror gives one.
    """
    tag = f"turnout-base:{release}"
    if not exists(tag) and not _pulled(release, tag, progress):
        _bootstrap(release, mirror, tag, progress)
    return tag


def _pulled(release: str, tag: str, progress: Progress) -> bool:
    image = f"debian:{release}-slim"
    progress(f"  Pulling {image}")
    try:
        run_long(
            ["docker", "pull", image],
            what=f"pulling {image}",
            log=WORK / f"pull-{release}.log",
            progress=progress,
            seconds=300,
            quiet_seconds=15,
            next_step="the base is made from the Debian mirror instead",
        )
    except LabError:
        progress("  No image registry answers: making the base from the Debian mirror")
        return False
    docker("tag", image, tag)
    return True


def _bootstrap(release: str, mirror: str, tag: str, progress: Progress) -> None:
    """Make the base with debootstrap, in a mount namespace that leaves no mount behind."""
    _check_is_root(release)
    install(
        ["debootstrap"] if not KEYRING.exists() else missing_programs(["debootstrap"]), progress
    )
    tree = WORK / release
    _remove(tree)
    options = ("--variant=minbase", "--include=ca-certificates", "--force-check-gpg")
    run_long(
        ["unshare", "--mount", "debootstrap", *options, release, str(tree), mirror],
        what=f"debootstrap of {release}",
        log=WORK / f"debootstrap-{release}.log",
        progress=progress,
        seconds=900,
        next_step=f"check that {mirror} answers from here, then run the same command again",
    )
    shutil.rmtree(tree / "var/cache/apt/archives")
    _import(tree, tag, release, progress)
    _remove(tree)


def _import(tree: Path, tag: str, release: str, progress: Progress) -> None:
    archive = WORK / f"{release}.tar"
    commands = (
        ["tar", "-C", str(tree), "-cf", str(archive), "."],
        ["docker", "import", str(archive), tag],
    )
    for command in commands:
        run_long(
            command,
            what=f"importing {release}",
            log=WORK / f"import-{release}.log",
            progress=progress,
            seconds=300,
            next_step="check the disk space here and in the engine (df -h, docker system df)",
        )
    archive.unlink()


def _check_is_root(release: str) -> None:
    """Refuse early, with what helps, where debootstrap cannot work."""
    if os.geteuid() == 0:
        return
    raise LabError(
        f"The base image for Debian {RELEASES[release]} cannot be made",
        where="this machine",
        why="no image registry answers, and making it with debootstrap needs root",
        next_step="sudo ./inv lab.up, once; or let the engine reach a registry "
        f"(docker pull debian:{release}-slim)",
    )


def _remove(tree: Path) -> None:
    """Remove a base tree and nothing that might be mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(tree)], check=True, timeout=120)
