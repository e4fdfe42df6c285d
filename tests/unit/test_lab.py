"""What bringing a lab up does in each state it is found in; a record plays the engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from turnout import lab as labs
from turnout import lab_state
from turnout.docker import DockerError
from turnout.lab_errors import LabError
from turnout.lab_plan import placed, plan, release_of
from turnout.lab_state import Lab, Vm, load, save

FIRST = Vm("turnout-local-1", 1, "bookworm", "198.18.0.11", 18022, 18080, 18443)


class Engine:
    """Stands for everything outside: containers by name and state, and what was done to them."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.done: list[str] = []
        self.broken: set[str] = set()
        self.taken_ports: set[int] = set()

    def docker(self, *arguments: str, **_: object) -> str:
        self.done.append(" ".join(arguments))
        if arguments[-1] in self.broken:
            raise docker_error("network not found")
        return ""

    def make(self, lab: Lab, vm: Vm, image: str) -> None:
        self.done.append(f"make {vm.name} from {image}")
        if self.taken_ports & set(vm.ports):
            raise docker_error("Bind for 127.0.0.1:18080 failed: port is already allocated")
        self.states[vm.name] = "running"

    def remove(self, *names: str) -> None:
        self.done += [f"remove {name}" for name in names]


def docker_error(why: str) -> DockerError:
    return DockerError("docker failed", where="here", why=why, next_step="none")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    engine = Engine()
    monkeypatch.setattr(lab_state, "LABS", tmp_path)
    monkeypatch.setattr(labs, "ensure_engine", lambda progress: None)
    monkeypatch.setattr(labs, "ensure_image", lambda release, progress, packages: release)
    monkeypatch.setattr(labs, "docker", engine.docker)
    monkeypatch.setattr(labs.lab_vm, "states", lambda lab: dict(engine.states))
    monkeypatch.setattr(labs.lab_vm, "make", engine.make)
    monkeypatch.setattr(labs.lab_vm, "remove", engine.remove)
    monkeypatch.setattr(labs.lab_vm, "wait_booted", lambda vm: "running")
    monkeypatch.setattr(labs.lab_vm, "wait_ssh", lambda lab, vm: None)
    monkeypatch.setattr(labs.lab_network, "choose_name", lambda lab: f"turnout-{lab.name}")
    monkeypatch.setattr(labs.lab_network, "ensure_network", lambda lab: "198.18.0.0/24")
    monkeypatch.setattr(labs.lab_ports, "recorded_ports", lambda except_for: set())
    monkeypatch.setattr(labs.lab_ports, "port_is_free", lambda port: True)
    monkeypatch.setattr(labs.lab_ssh, "authorise", lambda lab, vm: None)
    monkeypatch.setattr(labs.lab_ssh, "read_host_keys", lambda vm: f"[127.0.0.1]:{vm.ssh_port} k\n")
    return engine


def up(*arguments: object, **options: object) -> Lab:
    return labs.up(*arguments, progress=lambda line: None, **options)  # type: ignore[arg-type]


def test_first_up_makes_a_vm_on_the_fixed_ports_and_records_it(engine):
    lab = up()

    assert lab.vms == (FIRST,)
    assert load("local") == lab
    assert engine.done == ["make turnout-local-1 from bookworm"]


def test_a_vm_has_the_packages_that_it_is_made_with(engine, monkeypatch):
    monkeypatch.setattr(
        labs, "ensure_image", lambda release, progress, packages: " ".join(packages)
    )

    up(packages=["nginx", "postgresql"])

    assert engine.done == ["make turnout-local-1 from nginx postgresql"]


def test_second_up_changes_nothing(engine):
    up()
    engine.done.clear()

    assert up().vms == (FIRST,)
    assert engine.done == []


def test_a_stopped_vm_is_started_not_made_anew(engine):
    up()
    engine.done.clear()
    engine.states["turnout-local-1"] = "exited"

    up()

    assert engine.done == ["start turnout-local-1"]


def test_a_vm_that_does_not_start_is_made_anew_on_its_ports(engine):
    up()
    engine.done.clear()
    engine.states["turnout-local-1"] = "exited"
    engine.broken.add("turnout-local-1")

    assert up().vms == (FIRST,)
    assert engine.done[1:] == ["remove turnout-local-1", "make turnout-local-1 from bookworm"]


def test_a_vm_whose_keys_were_not_pinned_yet_is_seen_through(engine):
    lab = up()
    lab.known_hosts.unlink()

    up()

    assert labs.lab_ssh.is_pinned(lab, FIRST)


def test_more_hosts_are_added_and_fewer_remove_none(engine):
    up(3, "both")

    assert [vm.release for vm in up(1).vms] == ["bookworm", "trixie", "bookworm"]
    assert [vm.ssh_port for vm in up(2).vms] == [18022, 18023, 18024]


def test_a_port_that_the_engine_refuses_is_replaced_by_the_next(engine):
    engine.taken_ports = {18080}

    (vm,) = up().vms

    assert vm.http_port == 18081
    assert load("local").vms == (vm,)


def test_another_failure_of_the_engine_is_not_taken_for_a_port(engine, monkeypatch):
    def fail(lab: Lab, vm: Vm, image: str) -> None:
        raise docker_error("no space left on device")

    monkeypatch.setattr(labs.lab_vm, "make", fail)

    with pytest.raises(DockerError, match="no space left"):
        up()


def test_vms_that_nobody_has_on_record_are_removed_first(engine):
    engine.states = {"turnout-local-1": "running", "turnout-local-7": "exited"}

    up()

    assert engine.done == [
        "remove turnout-local-1",
        "remove turnout-local-7",
        "make turnout-local-1 from bookworm",
    ]


def test_down_leaves_no_trace_of_a_lab(engine, monkeypatch):
    lab = up()
    monkeypatch.setattr(labs.lab_network, "remove", lambda lab: None)

    labs.down(progress=lambda line: None)

    assert engine.done[-1] == "remove turnout-local-1"
    assert not lab.folder.exists()


def test_down_works_when_the_state_cannot_be_read(engine, monkeypatch):
    lab = up()
    lab.file.write_text("{")
    monkeypatch.setattr(labs.lab_network, "remove", lambda lab: None)

    labs.down(progress=lambda line: None)

    assert not lab.folder.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"vms": [{}]}', '{"vms": 1, "network": "n"}'])
def test_an_unreadable_state_names_the_file_and_the_remedy(engine, text):
    lab = Lab("local")
    lab.folder.mkdir(parents=True)
    lab.file.write_text(text)

    with pytest.raises(LabError) as caught:
        load("local")

    assert "lab.json" in str(caught.value)
    assert "./inv lab.down --lab local" in caught.value.next_step


def test_the_state_is_readable_json_with_file_names_beside_it(engine):
    save(Lab("local", "turnout-local", "198.18.0.0/24", (FIRST,)))

    data = json.loads(Lab("local").file.read_text())

    assert data["key"] == "id_ed25519"
    assert data["vms"][0]["http_port"] == 18080


@pytest.mark.parametrize("name", ["", "Local", "a/b", "..", "-a", "a" * 32])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(LabError, match="not a name for a lab"):
        load(name)


def test_a_vm_keeps_its_debian(engine):
    up()

    with pytest.raises(LabError, match="is Debian 12, not 13"):
        up(1, "trixie")


def test_an_unknown_debian_is_refused_with_the_ones_there_are():
    with pytest.raises(LabError, match=r"12 \(bookworm\), 13 \(trixie\) and both"):
        release_of(1, "14")


def test_a_vm_made_anew_keeps_ports_that_are_free_and_gives_up_all_when_one_is_not():
    lab = Lab("local", "n", "198.18.4.0/24")

    kept = placed(lab, FIRST, set(), lambda port: True)
    moved = placed(lab, FIRST, {18443}, lambda port: True)

    assert kept == replace(FIRST, address="198.18.4.11")
    assert moved.https_port == 18444


def test_plan_names_vms_after_the_network():
    lab = plan(Lab("local", "turnout-local-1f00"), 2, None)

    assert [vm.name for vm in lab.vms] == ["turnout-local-1f00-1", "turnout-local-1f00-2"]


def test_reboot_of_an_unknown_vm_names_those_there_are(engine):
    up()

    with pytest.raises(LabError, match="lab local has turnout-local-1"):
        labs.reboot("other")


@pytest.mark.parametrize(
    ("hard", "done"),
    [
        (False, ["restart --time=30 turnout-local-1"]),
        (True, ["kill turnout-local-1", "start turnout-local-1"]),
    ],
)
def test_a_vm_is_rebooted_or_its_plug_is_pulled(engine, hard, done):
    up()
    engine.done.clear()

    labs.reboot("turnout-local-1", hard=hard)

    assert engine.done == done


def test_down_without_docker_forgets_the_lab(engine, monkeypatch):
    lab = up()
    monkeypatch.setattr(labs.shutil, "which", lambda name: None)

    labs.down(progress=lambda line: None)

    assert not lab.folder.exists()
