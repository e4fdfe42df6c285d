"""An environment is what Ansible says it is, and is asked again only when a file has changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from turnout import environment, inventory, resolve, secrets
from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.inventory import fingerprint, load

APP = """---
app_name: shop
app_entry: "shop:create_app()"
app_hostnames: [shop.example.com]
app_secrets: {SECRET_KEY: "{{ vault_secret_key }}"}
"""
HOSTS = """---
web:
  hosts:
    web1:
      ansible_host: 192.0.2.1
      ansible_port: 2222
    web2:
      app_url: "https://{{ inventory_hostname }}.example.com"
  vars:
    ansible_user: deploy
    ansible_ssh_common_args: -o UserKnownHostsFile=pinned
"""


@pytest.fixture
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inventories with one environment, `prod`, and caches of their own."""
    folder = tmp_path / "inventories"
    (folder / "prod/group_vars/all").mkdir(parents=True)
    (folder / "prod/hosts.yml").write_text(HOSTS)
    (folder / "prod/group_vars/all/app.yml").write_text(APP)
    for module in (environment, inventory, resolve, secrets):
        monkeypatch.setattr(module, "INVENTORIES", folder)
    monkeypatch.setattr(inventory, "CACHE", tmp_path / "cache")
    return folder


def test_hosts_carry_how_ansible_reaches_them(inventories: Path) -> None:
    first, second = load("prod").hosts

    assert (first.address, first.port, first.user) == ("192.0.2.1", 2222, "deploy")
    assert first.ssh_args == "-o UserKnownHostsFile=pinned"
    assert (second.address, second.port) == ("web2", None)


def test_settings_are_templated_for_each_host_over_the_defaults(inventories: Path) -> None:
    environment = load("prod")

    assert environment.app == "shop"
    assert [host.url for host in environment.hosts] == [
        "http://shop.example.com",
        "https://web2.example.com",
    ]
    assert environment.build["requirements"] == "requirements.txt"


@pytest.mark.parametrize(
    ("setting", "has"),
    [
        ("", False),
        ("app_hooks: {after_switch: [{command: 'true'}]}\n", True),
        ("app_webhook_url: https://chat.example.com/s3cret\n", True),
        ('app_webhook_url: "{{ vault_that_nobody_has }}"\n', True),
        ("app_bake_seconds: 30\n", True),
        ("app_bake_seconds: 0\n", False),
        ("app_batch: 25%\n", True),
        ("app_batch: 1\n", True),
        ("app_batch: 0\n", False),
    ],
)
def test_what_only_the_playbooks_can_do_is_known_and_no_address_is_kept(
    inventories: Path, tmp_path: Path, setting: str, has: bool
) -> None:
    (inventories / "prod/group_vars/all/app.yml").write_text(APP + setting)

    assert load("prod").needs_playbook is has
    assert "s3cret" not in (tmp_path / "cache/inventory-prod.json").read_text()


def test_an_unknown_environment_lists_those_there_are(inventories: Path) -> None:
    with pytest.raises(TurnoutError, match="no environment 'prd'") as caught:
        load("prd")

    assert caught.value.next_step == "pass --env with one of: prod"


def test_a_missing_setting_is_named_with_the_file_to_set_it_in(inventories: Path) -> None:
    (inventories / "prod/group_vars/all/app.yml").write_text("---\napp_entry: a:b\n")

    with pytest.raises(TurnoutError, match="app_name") as caught:
        load("prod")

    assert "inventories/prod/group_vars/all/app.yml" in caught.value.next_step


def test_a_setting_that_rests_on_another_missing_one_is_named(inventories: Path) -> None:
    (inventories / "prod/group_vars/all/app.yml").write_text(APP + 'app_url: "{{ nowhere }}"\n')

    with pytest.raises(TurnoutError, match="app_url") as caught:
        load("prod")

    assert "nowhere" in caught.value.why


def test_an_inventory_that_is_no_yaml_is_refused_in_words(inventories: Path) -> None:
    (inventories / "prod/hosts.yml").write_text("web: [")

    with pytest.raises(TurnoutError):
        load("prod")


def test_an_environment_without_hosts_says_where_to_add_them(inventories: Path) -> None:
    (inventories / "prod/hosts.yml").write_text("---\nweb:\n  hosts: {}\n")

    with pytest.raises(TurnoutError, match="no host in the group 'web'"):
        load("prod")


def test_ansible_is_not_asked_again_while_no_file_has_changed(
    inventories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load("prod")
    monkeypatch.delattr(resolve, "resolve")

    assert load("prod") == first


def test_a_changed_file_is_seen(inventories: Path) -> None:
    load("prod")
    file = inventories / "prod/group_vars/all/app.yml"
    file.write_text(APP.replace("shop", "mill"))

    assert load("prod").app == "mill"


def test_a_changed_file_is_seen_in_a_folder_that_is_a_link(
    inventories: Path, tmp_path: Path
) -> None:
    folder = inventories / "prod/group_vars"
    folder.rename(tmp_path / "common")
    folder.symlink_to(tmp_path / "common")
    load("prod")

    (tmp_path / "common/all/app.yml").write_text(APP.replace("shop", "mill"))

    assert load("prod").app == "mill"


def test_a_file_that_an_editor_has_open_is_no_trouble(inventories: Path) -> None:
    (inventories / "prod/group_vars/all/.#app.yml").symlink_to("ann@laptop.123")

    assert load("prod").app == "shop"


def test_the_cache_holds_no_secret(inventories: Path, tmp_path: Path) -> None:
    file = inventories / "prod/group_vars/all/app.yml"
    file.write_text(APP + "app_env: {A: env-value}\nvault_secret_key: key-value\n")
    load("prod")

    kept = (tmp_path / "cache/inventory-prod.json").read_text()
    assert "env-value" not in kept
    assert "key-value" not in kept


def test_a_broken_cache_is_not_believed(inventories: Path, tmp_path: Path) -> None:
    first = load("prod")
    (tmp_path / "cache/inventory-prod.json").write_text('{"key": 1}')

    assert load("prod") == first


def test_a_touched_file_changes_the_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("same")
    before = fingerprint(iter([file]))
    os.utime(file, ns=(1, 1))

    assert fingerprint(iter([file])) != before


def test_an_unknown_host_lists_those_there_are() -> None:
    with pytest.raises(TurnoutError, match="no host web9") as caught:
        Environment("prod", "shop", [Host("web1", "web1")]).host("web9")

    assert caught.value.next_step == "one of: web1"


def test_reading_the_cache_does_not_import_ansible() -> None:
    import subprocess

    code = "import sys, turnout.status, turnout.inventory; print('ansible' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
