"""The load generator is read aright, and what is compared is what others configure."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import yaml

from turnout.bench import stubs
from turnout.bench.scratch import Scratch
from turnout.bench.serving import counted as counting
from turnout.bench.serving import sites, wrk
from turnout.bench.vm import Machine
from turnout.errors import TurnoutError

MACHINE = Machine("vm-1", 18022, 18080, Path("/keys/id"), Path("/keys/known_hosts"))
SAID = """Running 5s test @ http://127.0.0.1:80/
  2 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.51ms    1.20ms  35.50ms   92.11%
    Req/Sec     3.58k   244.45     4.02k    75.00%
  Latency Distribution
     50%  950.00us
     75%    4.75ms
     90%    5.20ms
     99%    1.06s
  35611 requests in 5.00s, 5.81MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 20
Requests/sec:   7121.45
Transfer/sec:      1.16MB
Processor seconds: 7.12
"""


def test_what_wrk_prints_becomes_numbers() -> None:
    assert wrk.parse(SAID) == wrk.Outcome(
        7121.45, 950 * 0.001, 1060.0, 35611, 30, 7.12 / 35611 * 1e6
    )


def test_a_run_without_errors_has_none() -> None:
    calm = "\n".join(line for line in SAID.splitlines() if "errors" not in line)

    assert wrk.parse(calm.replace("Non-2xx or 3xx responses: 20", "")).failed == 0


def test_a_load_that_counted_nothing_is_an_error() -> None:
    with pytest.raises(TurnoutError):
        wrk.parse("unable to connect to 127.0.0.1:18902 Connection refused")


def test_a_load_is_short() -> None:
    with pytest.raises(ValueError, match="at most"):
        wrk.load(MACHINE, 80, "localhost", "/", 3600)


def processes(proc: Path, *lines: tuple[int, int, str, int]) -> dict[str, int]:
    """Return what the load's own program counts of these: number, parent, command, ticks."""
    for number, parent, command, ticks in lines:
        folder = proc / str(number)
        folder.mkdir(parents=True)
        (folder / "cmdline").write_text(command.replace(" ", "\0"))
        (folder / "stat").write_text(f"{number} (a b) S {parent} {'0 ' * 9}{ticks} 1 2 3 20")
    return dict(runpy.run_path(str(sites.FILES / "load.py"))["used"](proc))


def test_what_servers_take_of_the_processor_is_counted_though_one_ends_meanwhile(
    tmp_path: Path,
) -> None:
    stopped = [(30, 1, "python3 -m gunicorn", 5000), (31, 30, "python3 -m gunicorn", 4000)]
    before = processes(
        tmp_path / "before",
        (10, 1, "nginx: master process", 100),
        (20, 1, "python3 -m gunicorn", 200),
        (21, 20, "python3 -m gunicorn", 300),
        (40, 1, "wrk", 10_000),
        *stopped,
    )
    # The worker has been replaced: its master has waited for it, and has its time.
    after = processes(
        tmp_path / "after",
        (10, 1, "nginx: master process", 150),
        (20, 1, "python3 -m gunicorn", 600),
        (22, 20, "python3 -m gunicorn", 40),
    )

    between = runpy.run_path(str(sites.FILES / "load.py"))["between"]

    assert between(before, after) == 50 + 140


SITE = """upstream turnout_stub {
    zone turnout_stub 128k;
    server unix:/srv/stub/live/00.sock max_fails=0;
    server unix:/srv/stub/live/01.sock max_fails=0;
    server unix:/srv/stub/live/19.sock max_fails=0;
    keepalive 256;
}
server {
    server_name stub.localhost;
    access_log /var/log/nginx/stub.access.log turnout_stub;
    proxy_set_header Connection $turnout_stub_connection;
    proxy_pass http://turnout_stub;
}
"""


def test_the_same_site_with_one_lane_differs_in_nothing_else() -> None:
    made = sites.with_one_lane(SITE, "one-lane")

    assert made.count("server unix:") == 1
    assert "server unix:/srv/stub/live/00.sock max_fails=0;" in made
    assert "server_name one-lane;" in made
    # Two upstreams of one name would be refused by nginx.
    assert made.count("one_lane_turnout_stub") == SITE.count("turnout_stub")


def test_a_drop_in_says_where_code_environment_and_python_are() -> None:
    text = (
        "[Service]\nWorkingDirectory=/srv/a/code\nEnvironmentFile=/srv/a/env\n"
        "ExecStart=\nExecStart=/srv/v/bin/python -m gunicorn --config x\n"
    )

    assert sites.from_drop_in(text) == {
        "CODE": "/srv/a/code",
        "ENVIRONMENT": "/srv/a/env",
        "PYTHON": "/srv/v/bin/python",
    }


LOCKED = """flask==3.1.3 \\
    --hash=sha256:aa
    # via -r requirements.in
gunicorn==27.0.1 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via -r requirements.in
idna==3 \\
    --hash=sha256:dd
"""


def test_one_package_of_a_lock_keeps_its_hashes() -> None:
    assert stubs.locked(LOCKED, "gunicorn").splitlines() == [
        "gunicorn==27.0.1 \\",
        "    --hash=sha256:bb \\",
        "    --hash=sha256:cc",
    ]
    assert stubs.locked(LOCKED, "django") == ""


def test_a_stub_is_an_environment_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/requirements.txt").write_text(LOCKED)
    scratch = Scratch(tmp_path)
    scratch.git("init", "--quiet")

    stubs.add(scratch, "stubsync", [MACHINE], worker_class="sync")

    folder = tmp_path / "inventories/stubsync"
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    settings = yaml.safe_load((folder / "group_vars/all/app.yml").read_text())
    assert hosts["web"]["hosts"]["vm-1"]["ansible_port"] == 18022
    assert settings["app_worker_class"] == "sync"
    assert settings["app_source"].endswith("/bench-apps/stubsync")
    assert (tmp_path / "bench-apps/stubsync/requirements.txt").read_text().startswith("gunicorn==")
    assert scratch.git("status", "--porcelain") == ""


def counted(**speeds: float) -> counting.Counted:
    one = counting.Counted()
    for name, speed in speeds.items():
        one.add(
            NAMES[name], wrk.Outcome(speed, 1.0, 1000 / speed, 100, name == "bare", 100 / speed)
        )
    return one


NAMES = {
    "ours": counting.OURS,
    "sync": counting.SYNC,
    "one_lane": sites.ONE_LANE,
    "usual": sites.USUAL,
    "bare": sites.BARE,
}


def test_the_report_compares_classes_lanes_and_the_usual_pair() -> None:
    served = {
        counting.TRIVIAL: counted(ours=300, sync=100, one_lane=300, usual=200, bare=600),
        counting.REALISTIC: counted(ours=50, usual=40, bare=50),
    }

    report = counting.report(served, 1, ["Turnout, gevent was left out: no wheel"], "here")

    assert {one.name: (one.value, one.is_met) for one in report.ratios} == {
        "trivial app: ours / usual pair": (1.5, True),
        "trivial app: ours / bare gunicorn": (0.5, True),
        "trivial app: 99 % within, ours / usual pair": (pytest.approx(2 / 3), True),
        "trivial app: processor, ours / usual pair": (pytest.approx(2 / 3), True),
        "sample app, page with database: processor, ours / usual pair": (0.8, True),
        "sample app, page with database: ours / usual pair": (1.25, True),
        "sample app, page with database: ours / bare gunicorn": (1.0, True),
        "sample app, page with database: 99 % within, ours / usual pair": (0.8, True),
        "trivial app: 20 lanes / one lane": (1.0, True),
        "trivial app: threads / sync": (3.0, True),
        "trivial app: processor, 20 lanes / one lane": (1.0, True),
    }
    assert "- 2 of 800 requests failed." in report.markdown()
    assert "- Turnout, gevent was left out: no wheel" in report.markdown()
