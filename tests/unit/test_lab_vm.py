"""A lab VM: how it is started, whose it is, and which keys open it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.program import Stub, stub
from turnout import lab_list, lab_ssh, lab_vm
from turnout.docker import DockerError
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


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """A docker command that answers as it is told to."""
    return stub(tmp_path / "bin", "docker", monkeypatch)


def test_a_vm_is_made_and_one_that_does_not_start_leaves_nothing(docker: Stub) -> None:
    lab_vm.make(LAB, VM, "image")
    assert docker.calls()[0].startswith("run --detach --name=turnout-local-1")

    docker.answers("case $1 in run) echo 'no space left' >&2; exit 1;; esac")
    with pytest.raises(DockerError, match="no space left"):
        lab_vm.make(LAB, VM, "image")

    assert docker.calls()[-1] == "rm --force --volumes turnout-local-1"


def test_removing_no_vm_asks_no_engine(docker: Stub) -> None:
    lab_vm.remove()

    assert docker.calls() == []


def test_a_vm_has_booted_when_systemd_says_so(docker: Stub) -> None:
    docker.answers("test -e booted && echo degraded || { touch booted; echo starting; }")

    assert lab_vm.wait_booted(VM) == "degraded"
    assert len(docker.calls()) == 2


def test_a_vm_that_does_not_boot_is_told_with_what_it_said(docker: Stub) -> None:
    docker.answers("echo starting")

    with pytest.raises(LabError, match="systemd did not come up within 0 s") as caught:
        lab_vm.wait_booted(VM, seconds=0)

    assert caught.value.why == "starting"
    assert "lab.down" in caught.value.next_step


def test_a_vm_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(lab_vm.subprocess, "run", hang)

    with pytest.raises(LabError, match="systemd did not come up") as caught:
        lab_vm.wait_booted(VM, seconds=0)

    assert caught.value.why == "no answer"


def test_a_vm_that_ssh_refuses_is_told_with_sshs_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = stub(tmp_path / "bin", "ssh", monkeypatch)
    ssh.answers("echo 'Permission denied (publickey).' >&2; exit 255")

    with pytest.raises(LabError, match="SSH does not let us in") as caught:
        lab_vm.wait_ssh(LAB, VM, seconds=0)

    assert caught.value.why == "Permission denied (publickey)."
