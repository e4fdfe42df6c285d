"""The processes of a run share the files of tests, and leave none out."""

from __future__ import annotations

from pathlib import Path

from tests.sharing import shares


def test_each_file_is_one_process_s_and_none_has_much_more_than_another(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"test_{number}.py").write_text("#" * (100 + 10 * number))

    owners = shares(3, root=tmp_path)

    loads = [sum(path.stat().st_size for path in owners if owners[path] == who) for who in range(3)]
    assert len(owners) == 20
    assert max(loads) - min(loads) < 300


def test_what_is_not_run_is_not_dealt(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    for name in ("test_one.py", "test_two.py", "slow/test_three.py", "helper.py"):
        (tmp_path / name).write_text("#")

    owners = shares(2, (tmp_path / "slow",), tmp_path)

    assert owners == {tmp_path / "test_one.py": 0, tmp_path / "test_two.py": 1}


def test_tests_of_the_host_library_count_for_more_as_they_take_longer(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    for name in ("host/test_host.py", "test_one.py", "test_two.py", "test_three.py"):
        (tmp_path / name).write_text("#" * 10)

    owners = shares(2, root=tmp_path)

    alone = owners.pop(tmp_path / "host/test_host.py")
    assert set(owners.values()) == {1 - alone}
