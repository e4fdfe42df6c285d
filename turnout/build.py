"""Build an environment's artifact from the shell, or early, while Ansible still starts."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.environment import Environment, Host
from turnout.errors import TurnoutError
from turnout.paths import CACHE, WORK, use_library
from turnout.reach import HostError

if TYPE_CHECKING:
    from turnout_build import AppSpec, Artifact, Target

_ASK = (
    "import json, platform, sys; print(json.dumps({'python': '%d.%d' % sys.version_info[:2], "
    "'machine': platform.machine(), 'glibc': platform.libc_ver()[1]}))"
)

Progress = Callable[[str], None]


def build(env: str, *, dirty: bool = False) -> None:
    """Build the artifact for the hosts of ``env``; its path is the last line.

    Args:
        env: the environment's name.
        dirty: allow a git tree with changes that are not committed.

    Raises:
        TurnoutError: it cannot be built; the message says why.
    """
    from turnout.local import ready, say

    environment = ready(env)
    targets = environment.targets or ask_targets(environment)
    artifact = make(environment, targets, say, dirty=dirty)
    sign(environment, artifact)
    print(artifact.path)


def sign(environment: Environment, artifact: Artifact) -> None:
    """Sign the artifact, where the environment names a key.

    Raises:
        TurnoutError: the key cannot be used.
    """
    use_library()
    import turnout_build

    if environment.signing_key:
        with _in_words():
            turnout_build.sign(artifact, Path(environment.signing_key).expanduser())


def make(
    environment: Environment,
    targets: list[dict[str, str]],
    progress: Progress,
    *,
    dirty: bool = False,
    tests: bool = False,
) -> Artifact:
    """Make the artifact, or find it made.

    Args:
        environment: whose settings say what is built.
        targets: the kinds of host, each with `python`, `machine` and `glibc`.
        progress: gets a line for each step that takes time.
        dirty: allow changes that are not committed.
        tests: run the app's own tests first.

    Raises:
        TurnoutError: with the end of what a tool said.
    """
    use_library()
    from turnout_build import build

    with _in_words():
        wanted = _targets([*environment.targets, *targets])
        return build(_spec(environment, dirty), wanted, WORK, progress=progress, test=tests)


def expected_release(environment: Environment, *, dirty: bool = False) -> str | None:
    """Return the release that a deploy would make, None where that takes more than a look.

    Raises:
        TurnoutError: the source cannot be read, or differs from its commit.
    """
    targets = [*environment.targets, *known_targets(environment.name)]
    if not targets or not environment.revision:
        return None
    use_library()
    from turnout_build import known_name

    with _in_words():
        name = known_name(_spec(environment, dirty), _targets(targets), WORK)
    return f"{name}-{environment.revision}" if name else None


def _spec(environment: Environment, dirty: bool) -> AppSpec:
    from turnout_build import AppSpec

    return AppSpec.from_settings(environment.build | ({"allow_dirty": True} if dirty else {}))


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn the build library's failures into ours, with the end of what a tool said."""
    from turnout_build import BuildError

    try:
        yield
    except BuildError as error:
        why = "\n".join([error.why, *(f"| {line}" for line in error.evidence.splitlines()[-30:])])
        raise TurnoutError(f"{error.what}.", why, error.next_step) from error


def ask_targets(environment: Environment) -> list[dict[str, str]]:
    """Ask the hosts which wheels fit them; what they said last, where one does not answer.

    Raises:
        HostError: a host does not answer and nothing is known from before.
    """
    from turnout import ssh

    def ask(host: Host) -> Any:
        return json.loads(ssh.output(host, ["python3", "-c", _ASK]))

    answers = ssh.on_each(environment.hosts, ask)
    failed = [answer for answer in answers.values() if isinstance(answer, HostError)]
    if failed:
        return _known_or(environment.name, failed[0])
    targets = [answer for answer in answers.values() if isinstance(answer, dict)]
    remember_targets(environment.name, targets)
    return targets


def _known_or(env: str, error: HostError) -> list[dict[str, str]]:
    known = known_targets(env)
    if not known:
        raise error
    print(f"{error.what}; building for what the hosts were before", file=sys.stderr)
    return known


def known_targets(env: str) -> list[dict[str, str]]:
    """Return the kinds of host that the last deploy or build met, none before the first."""
    try:
        known: list[dict[str, str]] = json.loads(_memory(env).read_text())
    except (OSError, ValueError):
        return []
    return known


def remember_targets(env: str, targets: list[dict[str, str]]) -> None:
    """Keep the kinds of host for the next early build."""
    unique = [json.loads(text) for text in sorted({json.dumps(one) for one in targets})]
    if unique and unique != known_targets(env):
        CACHE.mkdir(parents=True, exist_ok=True)
        _memory(env).write_text(json.dumps(unique))


class EarlyBuild:
    """A build in a thread, while Ansible starts; the playbook then finds it made.

    When it fails, `failed` is set and `error` says why: nothing was touched by then, for the
    playbook stages nothing before its own build, which would fail in the same way.
    """

    def __init__(self, environment: Environment, progress: Progress, *, dirty: bool, tests: bool):
        self.error: TurnoutError | None = None
        self.failed = threading.Event()
        self._environment = environment
        self._targets = known_targets(environment.name)
        self._make = partial(make, environment, self._targets, progress, dirty=dirty, tests=tests)

    def start(self) -> None:
        """Start, if it is known what the hosts are."""
        if self._targets:
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            sign(self._environment, self._make())
        except TurnoutError as error:
            self.error = error
            self.failed.set()


def _targets(facts: list[dict[str, str]]) -> list[Target]:
    from turnout_build import Target

    return [Target.from_facts(one) for one in facts]


def _memory(env: str) -> Path:
    return CACHE / f"targets-{env}.json"
