"""A lab VM: how it is started, whose it is, and which keys open it."""

from __future__ import annotations

import subprocess

import pytest

from turnout import lab_list, lab_ssh, lab_vm
from turnout.lab_errors import LabError
from turnout.lab_state import Lab, Vm

LAB = Lab("local", "turnout-local", "198.18.0.0/24")
VM = Vm("turnout-local-1", 1, "bookworm", "198.18.0.11", 18022, 18080, 18443)


def test_a_vm_has_a_fixed_address_and_is_reached_on_this_machine_only():
    arguments = lab_vm.run_arguments(LAB, VM, "image", ipv6=False)

    published = [word for word in arguments if word.startswith("--publish=")]
    assert published == [
        "--publish=127.0.0.1:18022:22",
        "--publish=127.0.0.1:18080:80",
        "--publish=127.0.0.1:18443:443",
    ]
    assert "--ip=198.18.0.11" in arguments
    assert arguments[-1] == "image"


def test_a_vm_is_not_privileged_and_gets_two_capabilities():
    arguments = lab_vm.run_arguments(LAB, VM, "image", ipv6=False)

    assert "--privileged" not in arguments
    assert [word for word in arguments if word.startswith("--cap-add")] == [
        "--cap-add=SYS_ADMIN",
        "--cap-add=NET_ADMIN",
    ]


def test_a_vm_has_ipv6_on_its_loopback_where_the_kernel_has_any():
    flag = "--sysctl=net.ipv6.conf.lo.disable_ipv6=0"

    assert flag in lab_vm.run_arguments(LAB, VM, "image", ipv6=True)
    assert flag not in lab_vm.run_arguments(LAB, VM, "image", ipv6=False)


def test_the_lab_owns_what_carries_its_folder_and_what_it_has_on_record(monkeypatch):
    rows = [
        f"turnout-local-1\trunning\t{LAB.folder}",
        "turnout-local-2\trunning\t/other/.turnout/lab/local",
        "turnout-local-3\texited\t",
    ]
    monkeypatch.setattr(lab_vm, "docker", lambda *arguments: "\n".join(rows))

    assert lab_vm.states(LAB) == {"turnout-local-1": "running"}
    on_record = LAB.with_vm(Vm("turnout-local-3", 3, "bookworm", "", 1, 2, 3))
    assert "turnout-local-3" in lab_vm.states(on_record)


def test_ssh_trusts_the_pinned_keys_only():
    command = lab_ssh.ssh_command(LAB, VM, "true")

    assert f"UserKnownHostsFile={LAB.known_hosts}" in command
    assert "StrictHostKeyChecking=yes" in command
    assert command[-2:] == ["root@127.0.0.1", "true"]


def test_host_keys_become_known_hosts_lines_without_comments():
    keys = "ssh-ed25519 AAAA root@vm\n\necdsa-sha2-nistp256 BBBB root@vm\n"

    assert lab_ssh.host_key_lines(18022, keys) == (
        "[127.0.0.1]:18022 ssh-ed25519 AAAA\n[127.0.0.1]:18022 ecdsa-sha2-nistp256 BBBB\n"
    )


def test_pinning_a_vm_again_replaces_its_keys_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr("turnout.lab_state.LABS", tmp_path)
    LAB.folder.mkdir()
    LAB.known_hosts.write_text("[127.0.0.1]:18022 ssh-ed25519 OLD\n[127.0.0.1]:180 x KEPT\n")
    monkeypatch.setattr(lab_ssh, "docker", lambda *arguments: "ssh-ed25519 NEW root@vm\n")

    lab_ssh.pin(LAB, VM)

    lines = LAB.known_hosts.read_text().splitlines()
    assert lines == ["[127.0.0.1]:180 x KEPT", "[127.0.0.1]:18022 ssh-ed25519 NEW"]
    lab_ssh.unpin(LAB, VM)
    assert not lab_ssh.is_pinned(LAB, VM)


def test_a_vm_without_host_keys_is_an_error(monkeypatch):
    monkeypatch.setattr(lab_ssh, "docker", lambda *arguments: "\n")

    with pytest.raises(LabError, match="no SSH host keys"):
        lab_ssh.read_host_keys(VM)


def test_a_half_made_key_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("turnout.lab_state.LABS", tmp_path)
    LAB.folder.mkdir()
    LAB.key.with_suffix(".pub").write_text("half\n")

    lab_ssh.ensure_key(LAB)

    public = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(LAB.key)], capture_output=True, text=True, check=True
    ).stdout
    assert LAB.key.with_suffix(".pub").read_text().split()[:2] == public.split()[:2]
    assert LAB.key.stat().st_mode & 0o077 == 0


def test_the_table_lists_how_to_reach_each_vm():
    head, row = lab_list.table([lab_list.Listed("local", VM, "running")])

    assert head.split() == ["vm", "state", "debian", "address", "http", "ssh"]
    assert "http://127.0.0.1:18080" in row
    assert "ssh -i .turnout/lab/local/id_ed25519 -p 18022 root@127.0.0.1" in row
