"""What runs inside the app's processes: counts, closes, and keeps the app's own hooks."""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.host import making
from turnout_host import drain, gunicorn_hooks
from turnout_host.gunicorn_hooks import InFlight
from turnout_host.layout import Layout

Config = dict[str, Any]
Configure = Callable[..., Config]


class Request:
    """As far as the hook knows gunicorn's."""

    closed = False

    def force_close(self) -> None:
        self.closed = True


@pytest.fixture
def wsgi(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """gunicorn is in the apps' virtual environments only; this is what the hooks touch of it."""
    names = ("gunicorn", "gunicorn.http", "gunicorn.http.wsgi")
    modules = [ModuleType(name) for name in names]
    for name, module in zip(names, modules, strict=True):
        monkeypatch.setitem(sys.modules, name, module)
    modules[0].http, modules[1].wsgi = modules[1:]  # type: ignore[attr-defined]
    return modules[2]


@pytest.fixture
def configure(
    root: Path, layout: Layout, wsgi: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Configure:
    """Configure gunicorn in blue, with the app's own configuration file or none."""
    monkeypatch.setenv("TURNOUT_SLOT", "blue")
    monkeypatch.setenv("TURNOUT_RELEASE", "")  # what is configured sets it, for good
    layout.runtime("blue").mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(layout.runtime("blue")))
    monkeypatch.chdir(root)

    def configured(own: str | None = None, **gunicorn: Any) -> Config:
        if own is not None:
            Path("gunicorn.conf.py").write_text(own)
        manifest = {**making.settings(), "release": "r1", "app": "hello"}
        manifest["gunicorn"] = {**making.GUNICORN, "worker_class": "gthread", **gunicorn}
        Path("release.json").write_text(json.dumps(manifest))
        config: Config = {}
        gunicorn_hooks.configure(config, root)
        return config

    return configured


@pytest.fixture
def all_lanes(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether the slot has all lanes, to be set by the test."""
    answer = {"all": True}
    monkeypatch.setattr(gunicorn_hooks, "has_all_lanes", lambda *_: answer["all"])
    return answer


@pytest.mark.parametrize("all_of_them", [True, False])
def test_a_connection_is_kept_only_while_the_slot_has_all_lanes(
    configure: Configure, all_lanes: dict[str, bool], all_of_them: bool
) -> None:
    all_lanes["all"] = all_of_them
    request = Request()

    configure()["pre_request"](None, request)

    assert request.closed is not all_of_them


def test_the_hook_reads_the_live_link_of_its_app(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(gunicorn_hooks, "has_all_lanes", lambda *paths: asked.append(paths))

    configure()["pre_request"](None, Request())

    assert asked == [("/srv/hello/live", "splits/blue")]


def test_lanes_that_were_taken_away_are_noticed_within_a_fiftieth_of_a_second(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(gunicorn_hooks.time, "monotonic", lambda: now[0])
    live = root / "live"
    live.symlink_to("splits/blue")
    lanes = gunicorn_hooks.Lanes(str(live), "splits/blue")
    assert lanes.are_all_ours()

    live.unlink()
    live.symlink_to("splits/green")
    now[0] += 0.019
    assert lanes.are_all_ours()
    now[0] += 0.002
    assert not lanes.are_all_ours()


def test_all_lanes_means_the_full_split_of_the_slot(root: Path) -> None:
    live = root / "live"

    assert not gunicorn_hooks.has_all_lanes(str(live), "splits/blue")
    for target, whole in (("blue", True), ("green", False), ("blue19-green01", False)):
        live.unlink(missing_ok=True)
        live.symlink_to(f"splits/{target}")
        assert gunicorn_hooks.has_all_lanes(str(live), "splits/blue") is whole


def test_the_server_header_names_slot_and_release(configure: Configure, wsgi: ModuleType) -> None:
    configure()

    assert wsgi.SERVER == "blue/r1"


def test_the_app_and_its_own_configuration_find_the_name_of_the_release(
    configure: Configure,
) -> None:
    config = configure("import os\nproc_name = os.environ['TURNOUT_RELEASE']\n")

    assert (config["proc_name"], os.environ["TURNOUT_RELEASE"]) == ("r1", "r1")


def test_outside_a_slot_nothing_is_hooked(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TURNOUT_SLOT")

    assert "pre_request" not in configure()


def test_requests_in_flight_are_counted_where_drain_reads_them(
    configure: Configure, layout: Layout, all_lanes: dict[str, bool]
) -> None:
    config = configure()

    config["pre_request"](None, Request())
    config["pre_request"](None, Request())
    config["post_request"](None, Request(), {}, None)

    assert drain.in_flight(layout, "blue") == 1
    config["post_request"](None, Request(), {}, None)
    assert drain.in_flight(layout, "blue") == 0


def test_a_runtime_folder_that_is_full_costs_no_request(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    in_flight = InFlight(str(root))

    in_flight.add(1)
    in_flight.add(-1)


def test_each_process_counts_its_own_requests_after_a_fork(root: Path) -> None:
    in_flight = InFlight(str(root))
    in_flight.add(1)
    in_flight.add(1)
    child = os.fork()
    if child == 0:
        in_flight.add(1)
        os._exit(0)
    os.waitpid(child, 0)
    in_flight.add(1)

    counts = {
        int(path.suffix[1:]): struct.unpack("<q", path.read_bytes())[0]
        for path in root.glob("inflight.*")
    }
    assert counts == {os.getpid(): 3, child: 1}


OWN_HOOKS = """
seen = []
def pre_request(worker, req):
    seen.append("before")
{after}
"""


@pytest.mark.parametrize(
    "after",
    [
        "def post_request(worker, req): seen.append((worker, req))",
        "def post_request(worker, req, environ): seen.append((worker, req, environ))",
        "def post_request(worker, req, environ, resp): seen.append((worker, req, environ, resp))",
    ],
)
def test_the_apps_own_hooks_get_as_many_arguments_as_they_take(
    configure: Configure, all_lanes: dict[str, bool], after: str
) -> None:
    config = configure(OWN_HOOKS.format(after=after))
    request, arguments = Request(), ("worker", None, "environ", "response")

    config["pre_request"]("worker", request)
    config["post_request"](*arguments)

    taken = after.partition(")")[0].count(",") + 1
    assert config["seen"] == ["before", arguments[:taken]]


def test_a_hook_of_the_app_that_fails_does_not_hide_the_end_of_the_request(
    configure: Configure, layout: Layout, all_lanes: dict[str, bool]
) -> None:
    config = configure("def post_request(worker, req):\n    raise OSError('own')\n")
    config["pre_request"](None, Request())

    with pytest.raises(OSError, match="own"):
        config["post_request"](None, Request(), {}, None)

    assert drain.in_flight(layout, "blue") == 0


def test_the_apps_own_settings_count_where_turnout_has_none(configure: Configure) -> None:
    config = configure("max_requests = 500\nbind = '0.0.0.0:80'\ntimeout = 99\n_private = 1\n")

    assert config["max_requests"] == 500
    assert config["timeout"] == 30
    assert config["wsgi_app"] == "app:app"
    assert "bind" not in config
    assert "_private" not in config


def test_workers_are_as_set_or_the_apps_own_or_by_the_machine(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_hooks, "automatic_workers", lambda: 7)

    assert configure(workers=3)["workers"] == 3
    assert configure(workers=0)["workers"] == 7
    assert configure("workers = 5\n", workers=0)["workers"] == 5
    assert configure("workers = 5\n", workers=3)["workers"] == 3


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(1, 1, 4), (2, 2, 4), (8, 8, 4), (8, 2, 16), (4, 3, 6)]
)
def test_automatic_threads_make_up_for_workers_that_memory_forbids(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    assert gunicorn_hooks.automatic_threads(workers) == threads


def test_threads_are_as_set_or_the_apps_own_or_by_the_machine(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_hooks, "automatic_threads", lambda _workers: 7)

    assert configure(threads=3)["threads"] == 3
    assert configure(threads=0)["threads"] == 7
    assert configure("threads = 5", threads=0)["threads"] == 5


def test_workers_are_replaced_now_and_then_and_not_all_at_once(configure: Configure) -> None:
    config = configure(max_requests=5000)

    assert config["max_requests"] == 5000
    assert config["max_requests_jitter"] == 500
    assert configure("max_requests = 200")["max_requests_jitter"] == 20


def test_an_access_log_holds_neither_query_nor_referrer(configure: Configure) -> None:
    fields = configure()["access_log_format"]

    # gunicorn's names: r is the request line with its query, q the query, f the referrer.
    for atom in ("%(r)s", "%(q)s", "%(f)s", "{referer}", "{cookie}", "{authorization}"):
        assert atom not in fields
    assert "%(U)s" in fields
    assert configure('access_log_format = "%(s)s"')["access_log_format"] == "%(s)s"


@pytest.mark.parametrize(
    ("cores", "mebibytes", "workers"),
    [(1, 4096, 2), (8, 65536, 8), (8, 1024, 3), (8, 100, 1), (None, 4096, 2)],
)
def test_automatic_workers_fit_into_half_of_the_memory(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, mebibytes: int, workers: int
) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": mebibytes * 256}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    assert gunicorn_hooks.automatic_workers() == workers


def test_kept_connections_outlive_those_that_nginx_keeps(configure: Configure) -> None:
    # By more than a worker is ever held up.
    assert configure()["keepalive"] > 60
