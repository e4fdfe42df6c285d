"""A lab takes ports and a network that nothing else on this machine uses."""

from __future__ import annotations

import itertools
import socket

import pytest

from turnout import lab_network, lab_ports
from turnout.lab_errors import LabError
from turnout.lab_state import Lab, Vm, save

LAB = Lab("local", "turnout-local", "198.18.0.0/24")
VM = Vm("turnout-local-1", 1, "bookworm", "198.18.0.11", 18022, 18080, 18443)


def test_vms_count_up_from_the_fixed_ports():
    assert lab_ports.choose_ports(1, set(), lambda port: True) == (18022, 18080, 18443)
    assert lab_ports.choose_ports(3, set(), lambda port: True) == (18024, 18082, 18445)


def test_ports_of_others_and_busy_ports_are_passed_over():
    busy = {18080}

    assert lab_ports.choose_ports(1, {18022}, lambda port: port not in busy) == (
        18023,
        18081,
        18443,
    )


def test_port_ranges_never_meet():
    bases = sorted(lab_ports.FIRST_PORTS.values())

    assert all(low + lab_ports.SPAN <= high for low, high in itertools.pairwise(bases))


def test_no_port_left_is_an_error_with_a_remedy():
    with pytest.raises(LabError, match="No port is left") as caught:
        lab_ports.choose_ports(1, set(), lambda port: False)

    assert "lab.down" in caught.value.next_step


def test_a_port_somebody_listens_on_is_not_free():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not lab_ports.port_is_free(listener.getsockname()[1])


def test_ports_of_stopped_vms_of_all_labs_count_as_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("turnout.lab_state.LABS", tmp_path)
    save(Lab("one", "n", "198.18.0.0/24", (VM,)))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/lab.json").write_text("{")

    assert lab_ports.recorded_ports(labs=tmp_path) == {18022, 18080, 18443}
    assert lab_ports.recorded_ports(except_for=VM.name, labs=tmp_path) == set()


def test_the_first_network_that_overlaps_nothing_is_taken():
    used = ["172.17.0.0/16", "198.18.0.0/24", "198.18.1.128/25", "fd00::/64"]

    assert next(lab_network.free_subnets(used)) == "198.18.2.0/24"


def test_a_vpn_over_the_whole_range_leaves_no_network():
    assert list(lab_network.free_subnets(["198.18.0.0/15"])) == []


def test_routes_of_this_machine_are_read_as_networks(tmp_path):
    table = tmp_path / "route"
    row = "eth0\t{}\t00000000\t0001\t0\t0\t0\t{}\t0\t0\t0\n"
    table.write_text(
        "head\n" + row.format("00000000", "00000000") + row.format("000112C6", "00FFFFFF")
    )

    assert lab_network._routes(table) == ["198.18.1.0/255.255.255.0"]
    assert next(lab_network.free_subnets(lab_network._routes(table))) == "198.18.0.0/24"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (None, "turnout-local"),
        ("mine", "turnout-local"),
        ("/other/clone/.turnout/lab/local", "turnout-local-"),
    ],
)
def test_another_clone_on_the_same_engine_keeps_its_lab(monkeypatch, owner, name):
    folder = str(LAB.folder) if owner == "mine" else owner
    found = [] if owner is None else [{"Labels": {"turnout.folder": folder}}]
    monkeypatch.setattr(lab_network, "named", lambda plain: found)

    assert lab_network.choose_name(Lab("local")).startswith(name)
    assert (lab_network.choose_name(Lab("local")) == "turnout-local") == (name == "turnout-local")
