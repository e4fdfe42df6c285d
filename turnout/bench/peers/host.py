"""Make the VM ready for the other tools: what a team has set up long before it deploys."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from turnout.bench.commands import BIN, environment, failed
from turnout.bench.peers.team import RECIPES, Team, fill
from turnout.bench.scratch import Scratch
from turnout.bench.vm import Machine

# fujin looks for uv in the home of the account that deploys.
UV = "/home/root/.local/bin/uv"
UV_SETTINGS = 'offline = true\nno-index = true\nfind-links = ["/srv/peers/wheels"]\n'
FUJIN = "/opt/fujin/peers-fujin/.install"


def prepare(machine: Machine, copy: Scratch, tools: list[str]) -> None:
    """Install what the tools rest on: packages, account, environments, units, sites.

    Raises:
        TurnoutError: a step fails on the VM.
    """
    send(machine, "/srv/peers/wheels", wheels(copy))
    app = copy.path / "app"
    send(machine, "/srv/peers", {"requirements.txt": (app / "requirements.txt").read_bytes()})
    script = (RECIPES / "host/prepare.sh").read_text()
    machine.do("bash", "-s", "--", *tools, text=script)
    # The playbook writes its own.
    for tool in {"rsync", "capistrano", "fujin"} & {*tools}:
        _site(machine, tool)
    for tool in {"rsync", "capistrano"} & {*tools}:
        _unit(machine, tool)
    if "fujin" in tools:
        _uv(machine)
    machine.do("systemctl daemon-reload && nginx -t -q && systemctl reload nginx")
    if "capistrano" in tools:
        machine.do("systemctl try-restart peers-capistrano")


def first_release(team: Team, tools: list[str]) -> None:
    """Have something run that a reload can reload, for the tool that never starts anything."""
    if "rsync" in tools:
        code = "/srv/peers/rsync/code"
        team.machine.do(
            f"git -C /srv/peers/origin.git archive main | tar -x -C {code} && "
            "systemctl restart peers-rsync"
        )


def wheels(copy: Scratch) -> dict[str, bytes]:
    """Return the wheels that Turnout has shipped to this VM, by file name."""
    found = sorted((copy.path / ".turnout").rglob("*.whl"))
    return {file.name: file.read_bytes() for file in found}


def send(machine: Machine, folder: str, files: dict[str, bytes]) -> None:
    """Write files into a folder of the VM.

    Raises:
        TurnoutError: the VM refuses.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    argv = machine.ssh(f"mkdir -p {folder} && tar -x --no-same-owner -C {folder}")
    done = subprocess.run(
        argv, input=packed.getvalue(), env=environment(), capture_output=True, check=False
    )
    if done.returncode:
        raise failed(["tar", folder], done.stderr.decode(errors="replace"))


def _site(machine: Machine, tool: str) -> None:
    text = fill((RECIPES / "host/nginx.conf").read_text(), {"TOOL": tool})
    send(machine, "/etc/nginx/sites-enabled", {f"peers-{tool}.conf": text.encode()})


def _unit(machine: Machine, tool: str) -> None:
    code = "current" if tool == "capistrano" else "code"
    known = {"TOOL": tool, "CODE": f"/srv/peers/{tool}/{code}"}
    text = fill((RECIPES / "host/gunicorn.service").read_text(), known)
    send(machine, "/etc/systemd/system", {f"peers-{tool}.service": text.encode()})


def _uv(machine: Machine) -> None:
    """Give fujin its uv and an environment with everything but the app."""
    send(machine, str(Path(UV).parent), {"uv": (BIN / "uv").read_bytes()})
    send(machine, "/etc/uv", {"uv.toml": UV_SETTINGS.encode()})
    machine.do(
        f"mkdir -p {FUJIN} && cd {FUJIN} && "
        f"{{ [ -d .venv ] || {UV} venv --quiet --python /usr/bin/python3; }} && "
        f"{UV} pip install --quiet --requirement /srv/peers/requirements.txt"
    )
