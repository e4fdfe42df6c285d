"""A lab's network in an engine, told apart from those of others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from turnout import docker as docker_module
from turnout import lab_network
from turnout.docker import DockerError
from turnout.lab_errors import LabError
from turnout.lab_state import Lab

LAB = Lab("local", "turnout-local", "198.18.0.0/24")


class Engine:
    """Knows the networks that were made, and answers the docker command line about them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.networks: dict[str, dict[str, object]] = {}
        self.refuses: list[str] = []
        self.vanishing = 0

    def add(self, name: str, subnet: str, owner: str = "") -> None:
        labels = {"turnout.folder": owner} if owner else {}
        config = [{"Subnet": subnet}] if subnet else None
        self.networks[name] = {"Name": name, "Labels": labels, "IPAM": {"Config": config}}

    def docker(self, *arguments: str, **_: object) -> str:
        words = [word for word in arguments[2:] if not word.startswith("--")]
        flags = dict(
            word.split("=", 1) for word in arguments[2:] if word.startswith("--") and "=" in word
        )
        match arguments[:2]:
            case ("network", "ls"):
                return "\n".join(self.networks)
            case ("network", "inspect"):
                if self.vanishing:
                    self.vanishing -= 1
                    raise refusal("network x not found")
                return json.dumps([self.networks[name] for name in words])
            case ("network", "create"):
                if self.refuses:
                    raise refusal(self.refuses.pop(0))
                self.add(words[0], flags["--subnet"], str(LAB.folder))
            case ("network", "rm"):
                for name in words:
                    del self.networks[name]
        return ""


def refusal(why: str) -> DockerError:
    return DockerError("docker network failed", where="here", why=why, next_step="none")


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine(tmp_path)
    made.add("bridge", "172.17.0.0/16")
    made.add("host", "")
    for module in (docker_module, lab_network):
        monkeypatch.setattr(module, "docker", made.docker)
    monkeypatch.setattr(lab_network, "_routes", lambda: ["198.18.0.0/24"])
    return made


def test_a_lab_gets_the_first_network_that_nobody_here_uses(networks: Engine) -> None:
    networks.add("somebody-elses", "198.18.1.0/24", "/other")

    assert lab_network.ensure_network(LAB) == "198.18.2.0/24"
    assert "turnout-local" in networks.networks


def test_a_lab_keeps_its_network(networks: Engine) -> None:
    first = lab_network.ensure_network(LAB)

    assert lab_network.ensure_network(LAB) == first


def test_a_network_that_somebody_was_faster_with_is_left_to_them(networks: Engine) -> None:
    networks.refuses = ["Pool overlaps with other one on this address space"]

    assert lab_network.ensure_network(LAB) == "198.18.2.0/24"


def test_another_refusal_of_the_engine_is_told(networks: Engine) -> None:
    networks.refuses = ["permission denied"]

    with pytest.raises(DockerError, match="permission denied"):
        lab_network.ensure_network(LAB)


def test_a_used_up_range_is_told_with_how_to_free_it(networks: Engine) -> None:
    networks.add("vpn", "198.18.0.0/15")

    with pytest.raises(LabError, match="No network is left") as caught:
        lab_network.ensure_network(LAB)

    assert "lab.down" in caught.value.next_step


def test_a_network_that_goes_away_while_one_looks_is_no_error(networks: Engine) -> None:
    networks.vanishing = 2

    assert lab_network.named("turnout-local") == []


def test_an_engine_that_never_answers_is(networks: Engine) -> None:
    networks.vanishing = 99

    with pytest.raises(DockerError):
        lab_network.named("turnout-local")


def test_down_takes_the_labs_own_network_and_no_other(networks: Engine) -> None:
    networks.add("turnout-local", "198.18.4.0/24", "/other/clone/.turnout/lab/local")
    networks.add("turnout-local-1f00", "198.18.5.0/24", str(LAB.folder))

    lab_network.remove(replace(LAB, network="turnout-local-1f00"))

    assert sorted(networks.networks) == ["bridge", "host", "turnout-local"]


def test_down_of_a_lab_without_a_network_touches_nothing(networks: Engine) -> None:
    lab_network.remove(LAB)

    assert sorted(networks.networks) == ["bridge", "host"]


def test_a_machine_that_does_not_tell_its_routes_is_asked_nothing(tmp_path: Path) -> None:
    assert lab_network._routes(tmp_path / "none") == []
