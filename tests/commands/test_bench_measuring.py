"""What measures: commands, the working copy, the poller, and the report of the suite `deploy`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from turnout.bench import commands, deploys, parts, scratch
from turnout.bench.figures import Samples
from turnout.bench.poller import Watch
from turnout.errors import TurnoutError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_costs_time_processor_and_memory(tmp_path: Path) -> None:
    cost = commands.run(python("bytearray(80 << 20); print('done')"), tmp_path)

    assert cost.output == "done\n"
    assert cost.seconds > 0
    assert cost.processor_seconds > 0
    assert cost.megabytes > 80


def test_the_processor_time_of_grandchildren_counts(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}])"
    busy = "import time\nwhile time.process_time() < 0.3: pass"

    assert commands.run(python(child.format(busy)), tmp_path).processor_seconds >= 0.3


def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(TurnoutError) as failure:
        commands.run(python("print('no disk'); raise SystemExit(3)"), tmp_path)

    assert "no disk" in failure.value.why


def test_a_command_that_hangs_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    hangs = "import subprocess; subprocess.run(['sleep', '60'])"

    with pytest.raises(TurnoutError):
        commands.run(python(hangs), tmp_path, limit=0.5)


@pytest.mark.parametrize(
    "name",
    ["TURNOUT_LAB", "ANSIBLE_FORKS", "COVERAGE_PROCESS_CONFIG", "PYTHONDONTWRITEBYTECODE"],
)
def test_a_measured_command_hears_nothing_meant_for_ours_or_that_slows_it_down(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")

    assert name not in commands.environment()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with the app's version, an ignored file, and one not committed yet."""
    folder = tmp_path / "repository"
    (folder / "app/hello").mkdir(parents=True)
    (folder / "app/hello/__init__.py").write_text('a = 1\n__version__ = "1.0.0"\nb = 2\n')
    (folder / ".gitignore").write_text("*.log\n.turnout\nvault.yml\n")
    (folder / "noise.log").write_text("")
    (folder / "new.txt").write_text("not committed")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def test_the_copy_has_what_lies_in_the_repository_and_nothing_ignored(
    repository: Path, tmp_path: Path
) -> None:
    copy = scratch.make(tmp_path / "copy", repository)

    assert (copy.path / "new.txt").read_text() == "not committed"
    assert not (copy.path / "noise.log").exists()
    assert copy.git("status", "--porcelain") == ""


def test_a_second_copy_drops_old_files_and_keeps_caches_and_secrets(
    repository: Path, tmp_path: Path
) -> None:
    copy = scratch.make(tmp_path / "copy", repository)
    kept = [copy.path / ".turnout/cache/wheel", copy.path / "inventories/local/vault.yml"]
    for file in kept:
        file.parent.mkdir(parents=True)
        file.write_text("")
    (repository / "new.txt").unlink()

    scratch.make(tmp_path / "copy", repository)

    assert all(file.exists() for file in kept)
    assert not (copy.path / "new.txt").exists()


def test_a_change_of_code_is_one_line_and_committed(repository: Path, tmp_path: Path) -> None:
    copy = scratch.make(tmp_path / "copy", repository)

    version = copy.change_code()

    text = (copy.path / scratch.VERSION_FILE).read_text()
    assert text == f'a = 1\n__version__ = "{version}"\nb = 2\n'
    assert copy.git("status", "--porcelain") == ""
    assert version != copy.change_code()


def test_what_is_no_checkout_cannot_be_measured(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("")  # or git looks further up

    with pytest.raises(TurnoutError) as failure:
        scratch.make(tmp_path / "copy", tmp_path)

    assert "git checkout" in failure.value.next_step


def test_the_real_app_has_the_line_that_is_changed() -> None:
    lines = (scratch.REPOSITORY / scratch.VERSION_FILE).read_text().splitlines()

    assert len([line for line in lines if scratch.is_version(line)]) == 1


def answering(*answers: str | Exception) -> Watch:
    """A watch for version 2 that gets these answers one after another."""
    left = iter(answers)

    def ask() -> str:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Watch(ask, "2")


def test_the_poller_asks_until_the_new_version_answers_and_counts_failures() -> None:
    watch = answering("1", ConnectionRefusedError(), ValueError("HTTP 502"), "1", "2", "1")
    watch.run()

    assert watch.served is not None
    assert (watch.asked, watch.failed) == (5, 2)


def test_the_poller_ends_when_it_is_told_to() -> None:
    watch = Watch(lambda: "1", "2")
    thread = threading.Thread(target=watch.run)
    thread.start()
    watch.end()
    thread.join(5)

    assert not thread.is_alive()
    assert watch.served is None


@pytest.mark.parametrize("tasks", [0, 3])
def test_the_yardstick_is_a_play_with_so_many_tasks(tasks: int) -> None:
    (play,) = yaml.safe_load(parts.play("web", tasks))

    assert (play["hosts"], len(play["tasks"])) == ("web", tasks)


def test_the_report_compares_a_deploy_with_the_sum_of_its_parts() -> None:
    samples = Samples()
    for name, seconds in zip(parts.NEEDED, (2.0, 0.25, 0.5, 1.0, 0.5), strict=True):
        samples.add(name, seconds)
    for name in (deploys.NOTHING, deploys.STATUS, deploys.ROLLBACK, deploys.COLD):
        samples.add(name, 2.0)
    for name, seconds in ((deploys.CODE, 11.0), (deploys.SERVED, 8.25)):
        samples.add(name, seconds)
    samples.add(deploys.SOAK, 14.0)
    samples.add(deploys.TESTS, 20.0)

    report = deploys.report(samples, 1, "here")

    values = {one.name: one.value for one in report.ratios}
    # 2.0 + 6 x 0.25 + 0.5 + 1.0 + 0.5 = 5.5
    assert values[f"{deploys.SERVED} / {deploys.SUM}"] == 1.5
    assert values[f"{deploys.CODE} / {deploys.SUM}"] == 2.0
    assert "| sum of the parts | 5.50 |" in report.markdown()
