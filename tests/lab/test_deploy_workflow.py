"""The steps of deploy.yml, run as a service runs them: a clean clone, secrets in variables only."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.site import Host
from turnout import workflow
from turnout.lab_ssh import read_host_keys
from turnout.paths import REPOSITORY

pytestmark = pytest.mark.lab

APP = "dispatch"
PASSWORD = Path(".turnout/vault/staging")


class Runner:
    """A clean clone whose staging is the VM, and what the environment's store gives to its jobs."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.clone = folder / "clone"
        self.run(
            "git", "clone", "--quiet", "--no-local", str(REPOSITORY), str(self.clone), cwd=folder
        )
        self._point_staging_at_the_vm()
        self.run("./inv", "secrets.init", "--env", "staging")
        password = self.clone / PASSWORD
        self._secrets = {
            "TURNOUT_SSH_KEY": host.lab.key.read_text(),
            "TURNOUT_VAULT_PASSWORD_STAGING": password.read_text().strip(),
        }
        password.unlink()
        self.commit("Describe staging")
        self.run("./inv", "provision", "--env", "staging", **self._secrets)

    def run(self, *argv: str, cwd: Path | None = None, **variables: str) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TURNOUT_", "ANSIBLE_"))}
        # No agent and no key of the person who runs the tests.
        kept = {k: v for k, v in kept.items() if k not in ("SSH_AUTH_SOCK", "VIRTUAL_ENV")}
        done = subprocess.run(
            argv,
            cwd=cwd or self.clone,
            env=kept | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
        return done.stdout

    def commit(self, message: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        self.run("git", *who, "commit", "--quiet", "--all", "--message", message)

    def job(self, name: str, **inputs: str) -> str:
        """Run the steps of a job of deploy.yml; return what they print."""
        file = self.clone / ".github/workflows/deploy.yml"
        found: dict[str, Any] = yaml.safe_load(file.read_text())["jobs"][name]
        assert set(self._secrets) <= set(found["env"])
        return "".join(
            self.run("bash", "-e", "-c", command, **self._secrets, **inputs)
            for _, command in workflow.commands(found)
        )

    def live(self) -> str:
        command = f"python3 /usr/local/lib/turnout/host.pyz status --app {APP}"
        return str(json.loads(self.host.run(command).stdout)["release"])

    def _point_staging_at_the_vm(self) -> None:
        staging = self.clone / "inventories/staging"
        where = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.host.vm.ssh_port,
            "ansible_user": "root",
        }
        hosts = {"web": {"hosts": {"web1": where}}}
        (staging / "hosts.yml").write_text(yaml.safe_dump(hosts))
        (staging / "known_hosts").write_text(read_host_keys(self.host.vm))
        settings = staging / "group_vars/all/app.yml"
        text = settings.read_text().replace("app_name: hello", f"app_name: {APP}")
        settings.write_text(text.replace("staging.example.com", f"{APP}.localhost"))
        self.run("git", "add", "--all")


@pytest.fixture(scope="module")
def runner(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(host, tmp_path_factory.mktemp("workflow"))


def test_staging_is_deployed_by_the_steps_of_the_workflow(runner: Runner) -> None:
    page = runner.clone.parent / "summary.md"

    shown = runner.job("staging", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))

    assert runner.live() in shown
    assert f"### Deployed {APP} in staging" in page.read_text()
    assert runner.live() in page.read_text()


def test_a_rollback_by_hand_goes_to_the_release_before(runner: Runner) -> None:
    first = runner.live()
    version = runner.clone / "app/hello/__init__.py"
    version.write_text(version.read_text().replace('"1.0.0"', '"1.0.1"'))
    runner.commit("Raise the version")
    runner.job("staging")
    assert runner.live() != first

    runner.job("rollback-staging", RELEASE="")

    assert runner.live() == first
