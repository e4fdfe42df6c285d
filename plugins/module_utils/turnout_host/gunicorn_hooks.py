"""gunicorn's configuration in a release: stage copies this file there as ``gunicorn.conf.py``.

It runs inside the app's processes, for as long as the release lives, so it
imports nothing of Turnout: only the standard library and gunicorn.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import mmap
import os
import runpy
import struct
import sys
import threading
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

LANES_SECONDS = 0.02
OWN_WORKER = "gunicorn_threads"  # the file beside this one
# Neither query nor referrer: both carry tokens.
ACCESS_LOG_FORMAT = "%(t)s %(m)s %(U)s %(s)s %(b)s bytes %(M)s ms %({x-request-id}i)s"


class InFlight:
    """Counts the requests this worker is answering, where the host can read it.

    One small file a process in the slot's runtime folder: drain adds them up
    before it stops a slot, since a stop resets what waits beyond gunicorn's
    graceful timeout.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._owner = 0
        self._count = 0
        self._map: mmap.mmap | None = None

    def add(self, change: int) -> None:
        """Count a request that begins (1) or has ended (-1)."""
        with self._lock:
            if self._owner != os.getpid():
                self._open()
            self._count += change
            if self._map is not None:
                struct.pack_into("<q", self._map, 0, self._count)

    def _open(self) -> None:
        # Each worker opens its own after the fork.
        self._owner, self._count = os.getpid(), 0
        self._map = None
        name = Path(self._folder) / f"inflight.{self._owner}"
        # Where /run is full nobody counts, and every request is answered all the same. Room is
        # taken first: a write into a map without any kills the worker.
        with contextlib.suppress(OSError):
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                os.posix_fallocate(handle, 0, 8)
                self._map = mmap.mmap(handle, 8)
            finally:
                os.close(handle)


def configure(config: dict[str, Any], folder: Path) -> None:
    """Fill gunicorn's configuration from the release's ``release.json``.

    Args:
        config: the globals of the configuration file.
        folder: the release.
    """
    manifest = json.loads((folder / "release.json").read_text())
    wanted = manifest["gunicorn"]
    # The unit is that of other releases, too, and cannot say it.
    os.environ["TURNOUT_RELEASE"] = manifest["release"]
    own = own_settings(Path.cwd() / "gunicorn.conf.py")
    workers = int(wanted["workers"]) or own.get("workers") or automatic_workers()
    config.update(access_log_format=ACCESS_LOG_FORMAT, max_requests=wanted["max_requests"])
    config.update(own)
    # Not all workers at the same moment.
    config.setdefault("max_requests_jitter", int(config["max_requests"]) // 10)
    config.update(
        wsgi_app=manifest["entry"],
        workers=workers,
        threads=int(wanted["threads"]) or own.get("threads") or automatic_threads(workers),
        worker_class=class_named(wanted["worker_class"], folder),
        timeout=wanted["timeout_seconds"],
        graceful_timeout=wanted["graceful_timeout_seconds"],
        # Nginx keeps them for 0.5 s, so it is always the one who closes. And long enough for a
        # worker that is held up for seconds: when it goes on, gunicorn closes what is overdue
        # without looking whether a request has come on it meanwhile.
        keepalive=75,
        # /tmp may be a disk: a heartbeat that waits for a disk looks like a dead worker.
        worker_tmp_dir="/dev/shm",  # noqa: S108
        # nginx on this host is the only peer, over a socket that only it may open.
        forwarded_allow_ips="*",
    )
    config.pop("bind", None)  # systemd owns the socket and hands it over
    slot = os.environ.get("TURNOUT_SLOT")
    if slot:
        _hook(config, slot, manifest)


def own_settings(path: Path) -> dict[str, Any]:
    """Return what the app's own ``gunicorn.conf.py`` sets, if it has one."""
    if not path.is_file():
        return {}
    settings = runpy.run_path(str(path))
    return {name: value for name, value in settings.items() if not name.startswith("_")}


def class_named(name: str, folder: Path) -> str:
    """Return what gunicorn calls a worker class; ``threads`` is the release's own."""
    if name != "threads":
        return name
    # By its name, as gunicorn before 23 takes no class itself.
    sys.modules[OWN_WORKER] = module = ModuleType(OWN_WORKER)
    SourceFileLoader(OWN_WORKER, str(folder / f"{OWN_WORKER}.py")).exec_module(module)
    return f"{OWN_WORKER}.Worker"


def automatic_workers() -> int:
    """Return a worker for each core, two at least, but no more than memory holds.

    A slot may take half of the memory, since two slots run during a deploy,
    and a worker of a usual app takes some 150 MB.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(max(2, os.cpu_count() or 1), memory // 2 // (150 * 2**20)))


def automatic_threads(workers: int) -> int:
    """Return four threads a worker, or more where memory allows fewer workers than cores."""
    return max(4, math.ceil(4 * (os.cpu_count() or 1) / workers))


def _hook(config: dict[str, Any], slot: str, manifest: dict[str, Any]) -> None:
    import gunicorn.http.wsgi  # type: ignore[import-untyped]

    # nginx keeps this header to itself; verify reads the release from it.
    gunicorn.http.wsgi.SERVER = f"{slot}/{manifest['release']}"
    lanes = Lanes(f"/srv/{manifest['app']}/live", f"splits/{slot}")
    in_flight = InFlight(os.environ.get("XDG_RUNTIME_DIR", "/tmp"))  # noqa: S108
    own_before, own_after = config.get("pre_request"), config.get("post_request")

    def pre_request(worker: Any, req: Any) -> None:
        in_flight.add(1)
        # A kept connection would go on reaching this slot after a switch, and
        # would blur a split: keep it only while every lane is this slot's.
        if not lanes.are_all_ours():
            req.force_close()
        if own_before:
            own_before(worker, req)

    def post_request(worker: Any, req: Any, environ: Any, resp: Any) -> None:
        in_flight.add(-1)
        if own_after:
            taken = len(inspect.signature(own_after).parameters)
            own_after(*(worker, req, environ, resp)[:taken])

    config["pre_request"], config["post_request"] = pre_request, post_request


class Lanes:
    """Knows whether the slot has all lanes, as of a fiftieth of a second ago at most.

    Every request asks, and on a busy site the answer of the one before will do.
    """

    def __init__(self, live: str, all_lanes: str) -> None:
        self._live, self._all_lanes = live, all_lanes
        self._ours, self._until = False, 0.0

    def are_all_ours(self) -> bool:
        now = time.monotonic()
        if now >= self._until:
            self._ours = has_all_lanes(self._live, self._all_lanes)
            self._until = now + LANES_SECONDS
        return self._ours


def has_all_lanes(live: str, all_lanes: str) -> bool:
    """Say whether ``live`` gives this slot all traffic."""
    try:
        # Not pathlib: this runs with every request.
        return os.readlink(live) == all_lanes  # noqa: PTH115
    except OSError:
        return False
