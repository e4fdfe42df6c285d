"""Everything an operator runs: `invoke --list` names the verbs."""

from __future__ import annotations

from invoke import Collection, Context, Exit

from turnout.lab_tasks import lab
from turnout.verbs import verb


@verb
def build(c: Context, env: str = "local", dirty: bool = False) -> None:
    """Build the app's artifact; its path is the last line."""
    from turnout.build import build

    build(env, dirty=dirty)


@verb(name="test")
def run_tests(c: Context, fast: bool = False) -> None:
    """Run every check: lint, unit, app and lab tests, Molecule; --fast needs no lab."""
    from turnout.quality import run_all

    run_all(fast=fast)


@verb
def lint(c: Context) -> None:
    """Check format, style, types and Ansible content."""
    from turnout.quality import lint

    lint()


@verb
def bench(c: Context, runs: int = 5) -> None:
    """Measure whole commands against the lab and print a table of seconds."""
    from turnout.bench import bench

    bench(runs)


@verb
def provision(c: Context, env: str = "", check: bool = False) -> None:
    """Make the hosts ready for releases: account, Python, units, nginx site."""
    from turnout.deploy import provision

    provision(env, check=check)


@verb
def deploy(
    c: Context,
    env: str = "",
    check: bool = False,
    dirty: bool = False,
    no_tests: bool = False,
) -> None:
    """Build, test and ship the app; all hosts switch, or none."""
    from turnout.deploy import deploy

    deploy(env, check=check, dirty=dirty, tests=not no_tests)


@verb
def rollback(c: Context, env: str = "", release: str = "") -> None:
    """Go back to the release that was live before, or to --release."""
    from turnout.rollback import rollback

    rollback(env, release=release)


@verb
def status(c: Context, env: str = "", json: bool = False) -> None:
    """Say what is live on each host."""
    from turnout.status import status

    if not status(env, as_json=json):
        raise Exit(code=1)


@verb
def logs(c: Context, env: str = "", host: str = "", lines: int = 100, follow: bool = False) -> None:
    """Print the journal of the live slot."""
    from turnout.hosts import logs

    logs(env, host=host, lines=lines, follow=follow)


@verb
def shell(c: Context, env: str = "", host: str = "", command: str = "") -> None:
    """Open a shell as the service user in the live release, or run --command there."""
    from turnout.hosts import shell

    raise Exit(code=shell(env, host=host, command=command))


@verb(name="init")
def secrets_init(c: Context, env: str = "") -> None:
    """Make the vault and its generated values; what is there stays."""
    from turnout.secrets import init

    init(env)


@verb(name="edit")
def secrets_edit(c: Context, env: str = "") -> None:
    """Open the vault in $EDITOR."""
    from turnout.secrets import edit

    edit(env)


@verb(name="show")
def secrets_show(c: Context, env: str = "", names: bool = False) -> None:
    """List the secrets and whether each has a value; never a value."""
    from turnout.secrets import show

    show(env, names=names)


@verb(name="rotate")
def secrets_rotate(c: Context, env: str = "", name: str = "") -> None:
    """Replace a generated secret."""
    from turnout.secrets import rotate

    rotate(env, name)


@verb(name="lock")
def deps_lock(c: Context, upgrade: bool = False) -> None:
    """Write the locked requirements from the .in files."""
    from turnout.deps import lock

    lock(upgrade=upgrade)


namespace = Collection(
    build, run_tests, lint, bench, provision, deploy, rollback, status, logs, shell
)
namespace.add_collection(
    Collection("secrets", secrets_init, secrets_edit, secrets_show, secrets_rotate)
)
namespace.add_collection(Collection("deps", deps_lock))
namespace.add_collection(lab)
