"""The host program: one JSON document on standard output, whatever happens."""

from __future__ import annotations

import ast
import errno
import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from turnout_host import (
    answering,
    cli,
    journal,
    lease,
    lock,
    program,
    rollback_alone,
    rollback_steps,
)
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout
from turnout_host.units import Slots

Run = Any


@pytest.fixture
def run(
    layout: Layout,
    slots: Slots,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a verb on the temporary host; return its exit code and its document."""
    monkeypatch.setattr(cli, "Layout", lambda _app: layout)
    monkeypatch.setattr(cli, "Slots", lambda _layout: slots)

    def run_verb(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = cli.main([*arguments, "--app", "hello"])
        return code, json.loads(capsys.readouterr().out)

    return run_verb


def test_status_of_a_fresh_host(run: Run) -> None:
    code, status = run("status")

    assert code == 0
    assert status == {
        "app": "hello",
        "live": None,
        "release": None,
        "artifact": None,
        "verified": False,
        "previous": None,
        "slots": {slot: {"release": None, "state": "empty"} for slot in ("blue", "green")},
        "split": {"blue": 0, "green": 0},
        "releases": [],
        "verified_releases": [],
        "lease": None,
        "history": [],
    }


def test_status_says_what_is_live_where_and_what_a_rollback_would_go_to(
    run: Run, layout: Layout, systemd: FakeSystemd
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")
    systemd.set("green", ActiveState="active", MainPID=22)

    _, status = run("status")

    assert (status["live"], status["release"], status["previous"]) == ("green", "r2", "r1")
    assert status["slots"]["green"] == {"release": "r2", "state": "live"}
    assert status["slots"]["blue"] == {"release": "r1", "state": "stopped"}
    assert status["split"] == {"blue": 0, "green": 100}
    assert status["releases"] == ["r1", "r2"]
    assert [entry["release"] for entry in status["history"]] == ["r1", "r2"]


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        ({"ActiveState": "active", "MainPID": 1}, "warm"),
        ({"ActiveState": "activating", "MainPID": 0}, "starting"),
        ({"ActiveState": "failed", "MainPID": 0}, "failed"),
        ({"ActiveState": "inactive", "MainPID": 0}, "stopped"),
    ],
)
def test_status_has_a_word_for_each_state_of_an_idle_slot(
    run: Run, layout: Layout, systemd: FakeSystemd, shown: dict[str, Any], word: str
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_in_slot(layout, "green", "r1")
    systemd.set("green", **shown)

    assert run("status")[1]["slots"]["green"]["state"] == word


def test_status_asks_systemd_once_and_never_the_app(run: Run, systemd: FakeSystemd) -> None:
    run("status")

    assert [call.split()[:2] for call in systemd.calls] == [["systemctl", "show"]]


def test_status_shows_the_latest_ten_lines_of_history(run: Run, layout: Layout) -> None:
    for number in range(12):
        journal.conclude(layout, "deploy", "failed", release=f"r{number}")

    assert [entry["release"] for entry in run("status")[1]["history"]] == [
        f"r{number}" for number in range(2, 12)
    ]


def test_a_rollback_to_nowhere_is_an_error_in_json(run: Run) -> None:
    code, failure = run("rollback")

    assert code == 1
    assert failure["error"] == "there is no verified release before the first deploy"
    assert "deploy" in failure["next_step"]
    assert failure["msg"] == f"{failure['error']}. Next: {failure['next_step']}"


def test_a_rollback_that_fails_tells_everything_to_whom_it_is_of_use(
    run: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.put_live(layout, "blue", "r1")
    making.put_live(layout, "green", "r2")

    def fail(*_: Any, **__: Any) -> None:
        journal.begin(layout, "r1", "rollback")
        raise HostFailure("blue is ill", "mend it")

    assert "failure_bundle" not in run("rollback", "--explain", "--release", "r9")[1]
    monkeypatch.setattr(rollback_alone, "roll_back", fail)
    assert "failure_bundle" not in run("rollback", "--explain", "--release", "r1")[1]
    monkeypatch.setattr(rollback_steps.Steps, "has_begun", True)
    told, by_hand = (run("rollback", *how, "--release", "r1")[1] for how in (["--explain"], []))

    assert told["failure_bundle"]["cause.txt"].startswith("blue is ill\nNext: mend it\n")
    assert "failure_bundle" not in by_hand

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rollback_alone, "roll_back", full)
    assert "failure_bundle" in run("rollback", "--explain", "--release", "r1")[1]


def test_a_rollback_beside_others_is_told_on_standard_input_what_to_do(
    run: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    making.put_live(layout, "blue", "r1")
    journal.conclude(layout, "deploy", "live", release="r1")
    monkeypatch.setattr(cli.sys, "stdin", StringIO('{"phase": "revert", "cause": "x"}\n'))

    assert cli.main(["rollback", "--app", "hello", "--together", "--release", "r1"]) == 0

    target, ended = map(json.loads, capsys.readouterr().out.splitlines())
    assert (target["rollback_to"], target["is_live"]) == ("r1", True)
    assert ended["back"]


def test_the_lock_is_free_again_after_its_block(layout: Layout) -> None:
    for _ in range(2):
        with lock.exclusive(layout, wait_seconds=0):
            pass


def test_what_the_operating_system_refuses_is_an_error_in_json(
    run: Run, systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_arguments: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "systemctl")

    monkeypatch.setattr(FakeSystemd, "__call__", missing)

    code, failure = run("status")

    assert code == 1
    assert failure["error"] == "No such file or directory (systemctl)"


def test_a_disk_that_fills_up_is_told_with_what_is_free() -> None:
    failure = answering.from_os_error(OSError(errno.ENOSPC, "No space left on device"))

    assert "a disk of the host is full: No space left on device" in failure.cause
    assert "MiB in /srv" in failure.cause
    assert "make room" in failure.next_step


def test_settle_says_whether_it_stopped_the_slot(run: Run, layout: Layout) -> None:
    making.put_live(layout, "blue", "r1")

    assert run("settle", "--slot", "blue") == (0, {"stopped": False})
    assert run("settle", "--slot", "green") == (0, {"stopped": True})


CLAIM = lease.Claim("t2", owner="alice@laptop (process 1)", reason="deploy")


def test_the_watch_leaves_a_deploy_alone_that_goes_on(run: Run, layout: Layout) -> None:
    lease.acquire(layout, CLAIM, 60)

    assert run("watch") == (0, {"held": True, "reverted": False})
    assert lease.is_held_by(layout, "t2")


def test_the_watch_goes_back_when_the_lease_is_over(run: Run, layout: Layout) -> None:
    making.put_live(layout, "blue", "r1")
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    lease.acquire(layout, CLAIM, 60)
    journal.begin(layout, "r2", token="t2")
    lease.renew(layout, "t2", -1)

    assert run("watch")[1]["reverted"]
    assert journal.running(layout) is None


def test_the_watch_has_nothing_to_do_without_a_lease(run: Run) -> None:
    assert run("watch") == (0, {"held": False, "reverted": False})


def test_boot_says_what_it_started(run: Run, layout: Layout) -> None:
    making.put_live(layout, "green", "r1")

    assert run("boot") == (0, {"started": ["green"]})


@pytest.mark.parametrize("arguments", [[], ["status"], ["fly", "--app", "hello"]])
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage: host.pyz" in capsys.readouterr().err


def test_the_program_is_the_same_bytes_each_time() -> None:
    assert program.build() == program.build()


def test_the_program_holds_the_whole_library_and_nothing_else() -> None:
    source = {f"turnout_host/{path.name}" for path in Path(str(cli.__file__)).parent.glob("*.py")}
    with zipfile.ZipFile(BytesIO(program.build())) as archive:
        assert set(archive.namelist()) == {"__main__.py", *source}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.fixture(scope="module")
def host_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "host.pyz"
    path.write_bytes(program.build())
    return path


def test_the_program_runs_from_its_bytecode_where_provision_has_unpacked_it(
    host_program: Path, tmp_path: Path
) -> None:
    path = tmp_path / "host.pyz"
    path.write_bytes(host_program.read_bytes())

    assert program.unpack(path)
    assert not program.unpack(path)

    folder = program.unpacked(path)
    assert list(folder.glob("turnout_host/__pycache__/cli.*.pyc"))
    (folder / "turnout_host/cli.py").write_text("raise SystemExit('not from the bytecode')")
    assert run_program(path, "status", "--app", "no-such-app").returncode == 1


def test_a_program_of_which_a_power_cut_left_empty_files_is_unpacked_anew(
    host_program: Path, tmp_path: Path
) -> None:
    path = tmp_path / "host.pyz"
    path.write_bytes(host_program.read_bytes())
    program.unpack(path)
    (program.unpacked(path) / "turnout_host/cli.py").write_text("")

    assert program.unpack(path)
    assert program.is_unpacked(path)
    assert run_program(path, "status", "--app", "no-such-app").returncode == 1


def test_only_the_program_before_the_newest_is_kept(host_program: Path, tmp_path: Path) -> None:
    path = tmp_path / "host.pyz"
    for number in range(4):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__main__.py", "")
            archive.writestr("turnout_host/cli.py", f"# version {number}")
        program.unpack(path)

    assert len(list(tmp_path.glob("host-*"))) == program.KEPT
    assert program.unpacked(path).is_dir()


def test_ansible_finds_every_module_of_the_program_imported() -> None:
    """It sends to a host what it finds so, and the program is made there of what has come."""
    folder = Path(str(program.__file__)).parent
    found, waiting = set[str](), {"program", "cli"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                named = [node.module] if node.module else [alias.name for alias in node.names]
                waiting |= {*map(str, named)} - found

    assert found == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def run_program(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program alone: no repository on its path, no systemd on the other one."""
    return subprocess.run(
        [sys.executable, "-I", str(path), *arguments],
        env={**os.environ, "PATH": str(path.parent)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("verb", ["status", "recover"])
def test_the_program_runs_and_fails_with_json_where_there_is_no_app(
    host_program: Path, verb: str
) -> None:
    done = run_program(host_program, verb, "--app", "no-such-app")

    assert done.returncode == 1, done.stderr
    failure = json.loads(done.stdout)
    assert failure["error"].startswith("No such file or directory (")
    assert failure["next_step"]


def test_the_program_carries_what_a_release_needs_of_it(host_program: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(host_program)!r})\n"
        "from turnout_host import program, stage\n"
        "assert 'def configure' in stage._source_of('gunicorn_hooks')\n"
        "assert 'class Worker' in stage._source_of('gunicorn_threads')\n"
        "sys.stdout.buffer.write(program.build())\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, timeout=20, check=True
    )

    assert done.stdout == host_program.read_bytes()


# Each takes milliseconds, and a deploy calls the program four times on each host.
HEAVY = ("dataclasses", "hashlib", "inspect", "shutil", "ssl")


@pytest.mark.parametrize(
    ("asked", "without"),
    [
        ("from turnout_host.answering import answer", ["argparse", "turnout_host.stage"]),
        ("from turnout_host import looking_phases", ["turnout_host.audit"]),
        ("from turnout_host import start_phases, traffic_phases", ["tarfile", "turnout_host.bake"]),
        ("from turnout_host.cli import main", ["turnout_host.switch"]),
    ],
    ids=["call", "preflight", "start and switch", "watch"],
)
def test_a_host_loads_what_is_asked_for_and_not_the_rest(
    host_program: Path, asked: str, without: list[str]
) -> None:
    """Sixteen hosts are called four times each in a deploy, and watch themselves meanwhile."""
    code = f"import sys; sys.path.insert(0, {str(host_program)!r})\n{asked}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True)

    loaded = set(done.stdout.split())
    assert "turnout_host.layout" in loaded, done.stderr
    assert not loaded & {*without, *HEAVY}


class Calls:
    """Calls of a controller: a line of JSON on standard input, and what it ships behind it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seen: list[bytes | None]) -> None:
        self._monkeypatch, self.seen = monkeypatch, seen

    def call(
        self, shipped: str, behind: bytes = b"", then: list[dict[str, Any]] | None = None
    ) -> BytesIO:
        question: dict[str, Any] = {"phase": "stage", "app": "hello", "check": False}
        question["parameters"] = {}
        question |= {"program": "", "shipped": shipped, "then": then or []}
        line = json.dumps(question).encode()
        stdin = BytesIO(line + b"\n" + behind)
        self._monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stdin))
        assert cli.main(["call"]) == 0
        return stdin


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    seen: list[bytes | None] = []

    def run_phase(phase: str, *_: Any, shipped: Any = None, **__: Any) -> dict[str, Any]:
        if phase == "start":
            raise HostFailure("green did not become healthy", "mend it")
        seen.append(shipped.read(6) if shipped else None)
        return {"phase": phase, "seconds": 1.5, "changed": phase == "switch", "diff": phase}

    monkeypatch.setattr(answering, "_check_version", lambda wanted: None)
    monkeypatch.setattr(answering.phases, "run", run_phase)
    return Calls(monkeypatch, seen)


def test_what_is_shipped_follows_the_question_and_is_read_to_its_end(calls: Calls) -> None:
    """Whoever still sends takes a host that stops reading for one that is gone."""
    stdin = calls.call("-", b"bundle and the rest of it")

    assert calls.seen == [b"bundle"]
    assert stdin.read() == b""


def test_what_is_large_is_shipped_as_a_file(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "bundle.tar").write_bytes(b"bundle")

    calls.call(str(tmp_path / "bundle.tar"))

    assert calls.seen == [b"bundle"]


def test_a_phase_that_needs_nothing_gets_nothing(calls: Calls) -> None:
    calls.call("")

    assert calls.seen == [None]


def test_a_controller_of_another_version_is_refused(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_wanted: str) -> None:
        raise HostFailure("the host program is of another version", "provision")

    monkeypatch.setattr(answering, "_check_version", refuse)

    stdin = calls.call("-", b"bundle")

    assert json.loads(capsys.readouterr().out)["cause"].endswith("another version")
    assert (calls.seen, stdin.read()) == ([], b"")


def following(*names: str) -> list[dict[str, Any]]:
    return [{"phase": name, "parameters": {}} for name in names]


def test_a_host_that_is_alone_goes_on_in_one_call(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.call("-", b"bundle", following("migrate", "switch"))

    result = json.loads(capsys.readouterr().out)
    assert (result["phase"], result["changed"], result["seconds"]) == ("stage", True, 4.5)
    assert [step["phase"] for step in result["steps"]] == ["stage", "migrate", "switch"]
    assert result["diff"] == ["stage", "migrate", "switch"]
    assert calls.seen == [b"bundle", None, None]


def test_the_phase_that_failed_is_named_and_nothing_follows_it(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    calls.call("", b"", following("migrate", "start", "switch"))

    result = json.loads(capsys.readouterr().out)
    assert (result["failed"], result["phase"]) == (True, "start")
    assert len(calls.seen) == 2


def test_an_audit_is_asked_over_ssh(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nice: list[int] = []
    monkeypatch.setattr(os, "nice", nice.append)

    code, document = run("audit")

    assert code == 0
    assert [one["what"] for one in document["differences"]] == ["missing"]
    assert nice == [10]
