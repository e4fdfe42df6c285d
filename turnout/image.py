"""The image that lab VMs start from: made once per Debian release, named after its recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from turnout.image_base import RELEASES, WORK, ensure_base, exists, machine_mirrors
from turnout.lab_state import locked
from turnout.long_step import Progress, run_long

RECIPE = Path(__file__).with_name("lab_image")


def ensure_image(release: str, progress: Progress, packages: Collection[str] = ()) -> str:
    """Return the tag of the lab image for ``release``, made if it is not there.

    Args:
        packages: of Debian, installed in it beyond what every machine has.

    Raises:
        LabError: if neither a registry nor the Debian mirror gives a base.
    """
    mirrors, packages = machine_mirrors(), sorted(packages)
    tag = image_tag(release, mirrors, packages=packages)
    if exists(tag):
        return tag
    with locked(WORK / "lock", progress):
        if not exists(tag):
            more = f" with {' '.join(packages)}" if packages else ""
            what = f"the lab image for Debian {RELEASES[release]}{more}"
            progress(f"Making {what} (once, 1 to 2 minutes)")
            base = ensure_base(release, mirrors[0], progress)
            values = {
                "BASE": base,
                "RELEASE": release,
                "MIRROR": mirrors[0],
                "SECURITY_MIRROR": mirrors[1],
                "PACKAGES": " ".join(packages),
            }
            _build(tag, values, progress)
    return tag


def image_tag(
    release: str,
    mirrors: tuple[str, str],
    recipe: Path = RECIPE,
    packages: Collection[str] = (),
) -> str:
    """Return the name that this recipe's image has: another recipe, another name."""
    digest = hashlib.sha256("\n".join((release, *mirrors, *packages)).encode())
    for file in sorted(recipe.iterdir()):
        digest.update(f"\n{file.name}\n".encode() + file.read_bytes())
    return f"turnout-lab:{release}-{digest.hexdigest()[:12]}"


def _build(tag: str, values: dict[str, str], progress: Progress) -> None:
    arguments = [f"--build-arg={name}={value}" for name, value in values.items()]
    run_long(
        ["docker", "build", f"--tag={tag}", *arguments, str(RECIPE)],
        what=f"installing systemd and sshd for Debian {RELEASES[values['RELEASE']]}",
        log=WORK / f"build-{values['RELEASE']}.log",
        progress=progress,
        seconds=900,
        next_step=f"check that containers reach {values['MIRROR']} "
        f"(docker run --rm {values['BASE']} apt-get update), then run the same command again",
    )
