"""Stage: put a release on the host, whole or not at all, and run nothing of it yet."""

from __future__ import annotations

import compileall
import json
import os
import pwd
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from . import (
    bundle,
    command,
    envfile,
    releases,
    sealing,
    unitfile,
    units,
    venvs,
    writable,
)
from .artifact import Artifact
from .atomic import remove_leftovers, remove_tree, sync_folder, write_file
from .errors import HostFailure
from .layout import RELEASE_TOKEN, Layout

# Only their source is wanted here; Ansible sends to a host what it finds imported.
if TYPE_CHECKING:
    from . import gunicorn_hooks, gunicorn_threads, wsgi_check  # noqa: F401


class Request(NamedTuple):
    """What to stage.

    Args:
        release: its name.
        bundle: the artifact and the wheels the host lacks, as ``bundle.receive`` reads them;
            None where the release is on the host already.
        settings: everything else that ``release.json`` holds.
        environment: the release's environment, secrets included.
        config_files: ``dest``, ``content`` and optionally ``mode`` of each.
    """

    release: str
    bundle: BinaryIO | None
    settings: dict[str, Any]
    environment: Mapping[str, str] = MappingProxyType({})
    config_files: Sequence[dict[str, Any]] = ()

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Request({self.release!r})"


def stage(layout: Layout, request: Request, run: units.Run = units.run) -> bool:
    """Make the release be on this host; say whether it had to be made.

    Raises:
        HostFailure: nothing of it stays but, after a failed check, a release
            marked as failed.
    """
    if releases.find(layout, request.release):
        return False
    shipped = _shipped(request)
    remove_leftovers(layout.releases)
    aside = layout.releases / f".{request.release}.new"
    remove_tree(aside)
    # The app's account reads what root writes here, whatever root's own umask.
    umask = os.umask(0o022)
    try:
        (aside / "code").mkdir(parents=True)
        artifact = bundle.receive(layout, shipped, aside, run)
        _check_name(request.release, str(artifact.manifest["name"]))
        if not venvs.is_complete(layout, artifact.venv):
            bundle.check_wheels(layout, artifact.wheels)
            venvs.ensure(layout, artifact, run)
        _write_release(layout, request, artifact, aside)
        sealing.seal_release(layout, aside)
        # One sync for the whole tree: cheaper than an fsync for each of its files.
        os.sync()
        aside.rename(layout.release(request.release))
        sync_folder(layout.releases)
    except BaseException:
        remove_tree(aside)
        raise
    finally:
        os.umask(umask)
    return True


def check(layout: Layout, name: str, run: units.Run = units.run) -> None:
    """Load the app as gunicorn would, under its user and sandbox; it must be a WSGI application.

    Raises:
        HostFailure: if it cannot be loaded, or not in its time; the release is marked as failed.
    """
    release = releases.get(layout, name)
    python, config = venvs.python(layout, release.venv), layout.release(name) / "gunicorn.conf.py"
    source = _source_of("wsgi_check")
    try:
        command.run_in_release(
            layout,
            name,
            release.manifest,
            shlex.join(
                ["exec", str(python), "-c", source, "--check-config", "--config", str(config)]
            ),
            what="the import of the app",
            timeout_seconds=float(release.manifest["health"]["start_timeout_seconds"]),
            timeout_setting="app_health.start_timeout_seconds",
            run=run,
        )
    except command.OutOfTimeError as failure:
        releases.mark_failed(layout, name, failure.cause)
        raise
    except HostFailure as failure:
        cause = f"the app does not import: {_last_line(failure.evidence)}"
        releases.mark_failed(layout, name, cause)
        raise HostFailure(
            cause,
            f"mend the app, or app_entry ({release.manifest['entry']}), and deploy again; "
            "the live release was not touched",
            failure.evidence,
            failure.seen,
        ) from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _check_name(release: str, artifact: str) -> None:
    """A signature says who has built something, not that it is what was asked for."""
    if not f"{release}-".startswith(f"{artifact}-"):
        raise HostFailure(
            f"what was shipped as {release} is another artifact: {artifact}",
            "remove .turnout/artifacts on the controller and deploy again",
        )


def _shipped(request: Request) -> BinaryIO:
    if request.bundle is None:
        raise HostFailure(
            f"{request.release} is not on this host any more, and nothing was shipped of it",
            "deploy again: it is then shipped",
        )
    return request.bundle


def _write_release(layout: Layout, request: Request, artifact: Artifact, aside: Path) -> None:
    _link_writable(layout, request, aside)
    manifest = {
        "format": 1,
        "release": request.release,
        "app": layout.app,
        **artifact.origin(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "writable": [str(layout.shared)],
        **request.settings,
    }
    _link_static(layout, request, artifact, aside)
    _write_configuration(layout, request, aside)
    hooks = (
        f"{_source_of('gunicorn_hooks')}\n\nconfigure(globals(), Path(__file__).resolve().parent)\n"
    )
    write_file(aside / "gunicorn.conf.py", hooks.encode())
    write_file(aside / "gunicorn_threads.py", _source_of("gunicorn_threads").encode())
    write_file(aside / "unit.conf", unitfile.drop_in(layout, manifest).encode())
    # Compiled now, or the first request to the new release pays for it; the app cannot write it.
    # By this very Python, of which the virtual environment was made; what does not compile is said
    # when it is imported.
    compileall.compile_dir(aside / "code", quiet=2)
    write_file(aside / releases.MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def _source_of(module: str) -> str:
    """Return the source of a module beside this one, from a folder or a zip file."""
    path = str(Path(__file__).with_name(f"{module}.py"))
    return bytes(__spec__.loader.get_data(path)).decode()  # type: ignore[union-attr]


def _write_configuration(layout: Layout, request: Request, aside: Path) -> None:
    try:
        filled = {key: _fill(value, request) for key, value in request.environment.items()}
        write_file(aside / "env", envfile.render(filled).encode(), mode=0o400)
    except ValueError as error:
        raise HostFailure(str(error), "mend app_env or app_secrets") from None
    (aside / "config").mkdir()
    owner = pwd.getpwnam(str(request.settings["user"]))
    for file in request.config_files:
        path = aside / "config" / bundle.inside(file["dest"])
        path.parent.mkdir(parents=True, exist_ok=True)
        # YAML reads an unquoted 0640 as a number, and that number is the mode already.
        given = file.get("mode") or 0o440
        mode = given if isinstance(given, int) else int(given, 8)
        write_file(path, _fill(file["content"], request).encode(), mode)
        # The app reads its configuration by its group and cannot change it.
        os.chown(path, 0, owner.pw_gid)


def _fill(text: str, request: Request) -> str:
    return text.replace(RELEASE_TOKEN, request.release)


def _link_static(layout: Layout, request: Request, artifact: Artifact, aside: Path) -> None:
    """Give nginx one numbered link for each static path, the same in every release."""
    (aside / "static").mkdir()
    packages = venvs.site_packages(layout, artifact.venv)
    for number, static in enumerate(request.settings.get("static", [])):
        path = str(static["path"])
        if path.startswith("site-packages/"):
            target = str(packages / path.removeprefix("site-packages/"))
        else:
            target = f"../code/{bundle.inside(path)}"
        (aside / "static" / str(number)).symlink_to(target)


def _link_writable(layout: Layout, request: Request, aside: Path) -> None:
    """Make the folders that stay, and link those inside the code to ``shared/``."""
    owner = pwd.getpwnam(str(request.settings["user"]))
    for entry in request.settings.get("writable_dirs", []):
        path = bundle.inside(str(entry).removeprefix("code:"))
        writable.make(layout.shared, path, owner)
        if str(entry).startswith("code:"):
            link = aside / "code" / path
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(layout.shared / path)
