"""Build on the controller, inside Ansible's own process: no second Python to start, no host asked.

The configuration and its key only go into a keyed hash; neither is returned, shown or logged.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# The build library lives with the modules' shared code, which action plugins cannot import.
_LIBRARY = str(Path(__file__).resolve().parents[1] / "module_utils")
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)

import turnout_build  # noqa: E402

SPEC = {
    "source": {"type": "path"},
    "packages": {"type": "list", "elements": "str"},
    "requirements": {"type": "str"},
    "build_command": {"type": "str"},
    "test_command": {"type": "str"},
    "test_requirements": {"type": "str"},
    "allow_dirty": {"type": "bool"},
    "python": {"type": "str"},
    "static": {"type": "list", "elements": "str"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "spec": {"type": "dict", "required": True, "options": SPEC},
    "targets": {"type": "list", "elements": "dict", "required": True},
    "cache": {"type": "path", "required": True},
    "configuration": {"type": "dict", "required": True, "no_log": True},
    "revision_key": {"type": "str", "required": True, "no_log": True},
    "test": {"type": "bool", "default": False},
    "artifact": {"type": "str", "default": ""},
    "signing_key": {"type": "path", "default": ""},
    "live": {"type": "list", "default": []},
    "hosts": {"type": "dict", "default": {}},
    "free_megabytes": {"type": "int", "default": 0},
}

display = Display()


class ActionModule(ActionBase):
    """Make the artifact, and name the release it becomes in this environment."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Build; a failure is a result with what, why and what to do, never a traceback."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        try:
            return build(arguments)
        except turnout_build.BuildError as error:
            return failure(error)


def build(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the task's result for its validated arguments."""
    configuration, key = arguments["configuration"], arguments["revision_key"]
    # Named first: a missing key must not be found out after minutes of downloads.
    revision = turnout_build.revision(configuration, key)
    artifact = made(arguments) if not arguments["artifact"] else given(arguments)
    signature = signed(artifact, arguments)
    release = f"{artifact.name}-{revision}"
    is_live = arguments["live"] == [release]
    if is_live:
        show(f"{release} is live already, on every host")
    built = {**result(artifact, release), "signature": signature, "is_live": is_live}
    hosts = {
        name: facts
        for name, facts in arguments["hosts"].items()
        if release not in facts["releases"]
    }
    spare_bytes = arguments["free_megabytes"] * 2**20
    turnout_build.check_room(artifact.manifest, built["targets"], hosts, spare_bytes)
    return built


def made(arguments: dict[str, Any]) -> turnout_build.Artifact:
    """Return the artifact of what the settings describe."""
    spec = turnout_build.AppSpec.from_settings(arguments["spec"])
    targets = [turnout_build.Target.from_facts(facts) for facts in arguments["targets"]]
    return turnout_build.build(
        spec, targets, Path(arguments["cache"]), progress=show, test=arguments["test"]
    )


def given(arguments: dict[str, Any]) -> turnout_build.Artifact:
    """Return an artifact that is there, as it is: nothing is built."""
    return turnout_build.load(arguments["artifact"], Path(arguments["cache"]))


def signed(artifact: turnout_build.Artifact, arguments: dict[str, Any]) -> str:
    """Return this environment's signature; a given artifact keeps the one it came with."""
    if arguments["artifact"] or not arguments["signing_key"]:
        return turnout_build.signature(artifact)
    return turnout_build.sign(artifact, Path(arguments["signing_key"]).expanduser())


def show(line: str) -> None:
    """Show one step that takes a while; it runs for minutes the first time."""
    display.display(f"Build: {line}")


def result(artifact: turnout_build.Artifact, release: str) -> dict[str, Any]:
    """Return what the later phases need, in plain values."""
    return {
        "changed": artifact.fresh,
        "artifact": artifact.name,
        "artifact_path": str(artifact.path),
        "release": release,
        "commit": artifact.commit,
        "dirty": artifact.manifest["dirty"],
        "targets": [target(artifact, one) for one in artifact.manifest["targets"]],
        "seconds": artifact.seconds,
    }


def target(artifact: turnout_build.Artifact, wheel_set: dict[str, Any]) -> dict[str, Any]:
    """Return what one kind of host installs, each wheel with the path it is kept at."""
    store = artifact.path.parents[1] / "wheels"
    wheels = [
        {**wheel, "path": str(store / wheel["sha256"] / wheel["file"])}
        for wheel in wheel_set["wheels"]
    ]
    return {**wheel_set, "wheels": wheels}


def failure(error: turnout_build.BuildError) -> dict[str, Any]:
    """Return a failure in the form every phase of a deploy reports it."""
    return {
        "failed": True,
        "msg": f"{error.what}: {error.why}. Next: {error.next_step}",
        "phase": "Build",
        "cause": f"{error.what}: {error.why}",
        "next_step": error.next_step,
        "evidence": error.evidence,
    }
