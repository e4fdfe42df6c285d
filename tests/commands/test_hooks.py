"""A team's hooks on a fleet: in their order, once or on every host, and never half a deploy.

The hosts are three names for this machine, and the phases around the hooks do nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clone import Clone, Ran, make

HOSTS = ("web1", "web2", "web3")
INVENTORY = "[web]\nweb1\nweb2\nweb3\n[web:vars]\nansible_connection=local\n"
PLAY = """\
- hosts: web
  gather_facts: false
  any_errors_fatal: true
  vars_files: [../roles/release/defaults/main.yml, ../roles/release/vars/main.yml]
  vars:
    release_app: hello
    release_actor: alice
    release_build: {release: r2}
    release_lease: {lease: {reason: deploy, began: 0}}
    ill: []
  tasks:
    - block:
        - ansible.builtin.import_tasks: ../roles/release/tasks/hook_points.yml
          vars: {release_hook_points: [after_stage, before_migrate]}
        - ansible.builtin.debug: {msg: "migrates {{ inventory_hostname }}"}
          failed_when: inventory_hostname in ill
      rescue:
        - block:
            - ansible.builtin.debug: {msg: "goes back {{ inventory_hostname }}"}
              failed_when: inventory_hostname ~ ' for good' in ill
          always:
            - ansible.builtin.import_tasks: ../roles/release/tasks/afterwards.yml
              vars:
                release_hook_points: [on_failure]
                release_hook_cause: "{{ __release_cause }}"
            - ansible.builtin.fail: {msg: "{{ __release_report }}"}
    - ansible.builtin.import_tasks: ../roles/release/tasks/afterwards.yml
      vars: {release_hook_points: [after_commit]}
"""

Play = Callable[..., Ran]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = make(tmp_path_factory.mktemp("clone"), "three")
    (made.path / "inventories/three").mkdir()
    (made.path / "inventories/three/hosts").write_text(INVENTORY)
    (made.path / "playbooks/three.yml").write_text(PLAY)
    command = f"echo on {{{{ inventory_hostname }}}} >> {made.path}/said"
    (made.path / "hooks.yml").write_text(f"- ansible.builtin.shell: {command}\n")
    (made.path / "broken.yml").write_text("- ansible.builtin.fail: {msg: no chat}\n")
    return made


@pytest.fixture
def play(clone: Clone) -> Play:
    (clone.path / "said").unlink(missing_ok=True)

    def run(hooks: dict[str, Any] | None = None, *ill: str) -> Ran:
        given = {"release_hooks": hooks or {}, "ill": list(ill)}
        return clone.ansible("three", "-i", "inventories/three", "-e", json.dumps(given))

    return run


def said(clone: Clone) -> list[str]:
    file = clone.path / "said"
    return file.read_text().splitlines() if file.exists() else []


def say(*words: str) -> dict[str, Any]:
    return {"command": f'echo "$TURNOUT_HOOK {" ".join(words)}" >> said'}


def went_back(ran: Ran) -> list[str]:
    return [host for host in HOSTS if f"goes back {host}" in ran.output]


def test_where_nothing_is_set_one_look_at_a_point_is_all(clone: Clone, play: Play) -> None:
    ran = play()

    assert ran.code == 0, ran.output
    assert said(clone) == []
    assert ran.output.count("skipping: ") == 2


def test_commands_run_once_and_tasks_on_every_host_in_their_order(clone: Clone, play: Play) -> None:
    ran = play({
        "before_migrate": [say("$TURNOUT_ENV $TURNOUT_APP $TURNOUT_RELEASE $TURNOUT_HOSTS")],
        "after_stage": [say("first"), {"tasks": "hooks.yml"}, say("last")],
    })  # fmt: skip

    assert ran.code == 0, ran.output
    lines = said(clone)
    assert lines[0] == "after_stage first"
    assert sorted(lines[1:4]) == ["on web1", "on web2", "on web3"]
    assert lines[4:] == ["after_stage last", "before_migrate three hello r2 web1 web2 web3"]


def test_a_hook_that_fails_sends_every_host_back_and_is_the_cause(clone: Clone, play: Play) -> None:
    ran = play({
        "before_migrate": [{"command": "echo no such record; exit 3"}, say("never")],
        "on_failure": [say("$TURNOUT_CAUSE"), {"tasks": "hooks.yml"}],
    })  # fmt: skip

    assert ran.code != 0
    assert "migrates" not in ran.output
    assert went_back(ran) == list(HOSTS)
    cause = "the hook before_migrate failed with exit code 3: echo no such record; exit 3"
    assert said(clone)[0].replace("`", "") == f"on_failure {cause}"
    assert sorted(said(clone)[1:]) == ["on web1", "on web2", "on web3"]
    assert "  the hook before_migrate failed with exit code 3" in ran.error()


@pytest.mark.parametrize("ill", [("web2",), ("web2", "web3 for good")])
def test_failure_is_told_with_its_cause_though_a_host_cannot_go_back(
    clone: Clone, play: Play, ill: tuple[str, ...]
) -> None:
    ran = play({"on_failure": [{"command": "exit 9"}, say("$TURNOUT_CAUSE")]}, *ill)

    assert ran.code != 0
    assert said(clone) == ["on_failure migrates web2"], ran.output
    assert "failed on web2" in ran.error(), "a hook that failed hid the first cause"


def test_what_fails_after_the_commit_is_told_and_the_deploy_stands(
    clone: Clone, play: Play
) -> None:
    broken = [{"command": "echo no chat; exit 3"}, {"tasks": "broken.yml"}, say("still")]

    ran = play({"after_commit": broken})

    assert ran.code == 0, ran.output
    assert went_back(ran) == []
    assert "the hook after_commit failed with exit code 3" in ran.output
    assert said(clone) == ["after_commit still"]
