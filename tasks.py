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


@verb
def setup(c: Context) -> None:
    """Make the app ready for development on this machine: environment, .env, database."""
    from turnout.setup import setup

    setup()


@verb(name="all")
def run_all(c: Context, fast: bool = False) -> None:
    """Run every check of the CI workflow here; --fast only what needs no lab."""
    from turnout import quality, workflow

    if fast:
        quality.fast()
    else:
        workflow.run_all()


@verb(name="unit")
def run_unit(c: Context, python: str = "", coverage: bool = False) -> None:
    """Run the unit, contract and template tests, those of whole commands, and the app's own."""
    from turnout.quality import unit

    unit(python, coverage=coverage)


run_unit.help.update(
    coverage="Count the code that they run, for test.coverage; takes half as long again.",
)


@verb(name="lab")
def run_lab(c: Context) -> None:
    """Run the tests on a lab VM."""
    from turnout.quality import lab

    lab()


@verb(name="fleet")
def run_fleet(c: Context) -> None:
    """Run the tests on several lab VMs: all hosts or none, whatever fails."""
    from turnout.quality import fleet

    fleet()


@verb(name="molecule")
def run_molecule(c: Context, scenario: str = "") -> None:
    """Run the Molecule scenarios."""
    from turnout.quality import molecule

    molecule(scenario)


@verb(name="image")
def run_image(c: Context) -> None:
    """Build the container image and try it in Compose."""
    from turnout.quality import image

    image()


@verb(name="coverage")
def run_coverage(c: Context) -> None:
    """Add up what the checks before have measured, report it, and hold it against the gate."""
    from turnout.coverage import gate

    gate()


@verb
def ci(c: Context, job: str = "") -> None:
    """Run the CI workflow on what is committed, in a clean clone."""
    from turnout.workflow import run_in_clean_clone

    run_in_clean_clone(job=job)


@verb
def lint(c: Context) -> None:
    """Check format, style, types and Ansible content."""
    from turnout.quality import lint

    lint()


@verb
def bench(
    c: Context,
    runs: int = 5,
    peers: bool = False,
    serving: bool = False,
    growth: str = "",
    explain: bool = False,
    check: bool = False,
    record: bool = False,
) -> None:
    """Measure whole commands on VMs of its own; tables of seconds and ratios."""
    from turnout.bench import explain as explaining
    from turnout.bench import suites

    if explain:
        print(explaining.explain())
    else:
        suites.bench(
            suites.chosen(runs, peers=peers, serving=serving, growth=growth),
            check=check,
            recording=record,
        )


bench.help.update(
    peers="Compare with other tools: the same app and change, on the same VM, in turn.",
    serving="Load the sites: requests a second beside the usual nginx and gunicorn.",
    growth="Deploy a stub to so many hosts, such as 1,2,4,8,16, and see what it costs here.",
    explain="Show where the last deploy spent its time, and measure nothing.",
    check="Fail when a ratio is more than a fifth worse than the one on record.",
    record="Put the ratios on record, and the tables into docs/benchmarks.md.",
)


@verb
def soak(
    c: Context,
    instants: int = 200,
    seed: int = 0,
    hosts: int = 3,
    deploys: int = 0,
    first: int = 1,
) -> None:
    """Let faults hit deploys and rollbacks of a fleet under load, at random instants."""
    from turnout.quality import soak

    soak(instants, seed, hosts, deploys, first)


soak.help.update(
    instants="How many faults, one after the other; each takes 20 to 90 seconds.",
    seed="Decides all of them; the output names it, so that a run can be repeated.",
    hosts="VMs of the fleet, two at least.",
    deploys="So many deploys under load and no fault; their receipts must agree with the load.",
    first="Go on with this instant, after a run with the same seed that was interrupted.",
)


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
    wait: int = 0,
    batch: str = "",
    canary: str = "",
) -> None:
    """Build, test and ship the app; all hosts switch, or none."""
    from turnout.deploy import deploy

    deploy(env, check=check, dirty=dirty, tests=not no_tests, wait=wait, batch=batch, canary=canary)


@verb
def canary(
    c: Context,
    env: str = "",
    to: int = 0,
    finish: bool = False,
    abort: bool = False,
    dirty: bool = False,
) -> None:
    """Give the new release a share of the traffic and leave it there; then go on, or back."""
    from turnout.canary import canary

    canary(env, to=to, finish=finish, abort=abort, dirty=dirty)


canary.help.update(
    to="Its share of the traffic in percent, in steps of 5.",
    finish="All of the traffic: the deploy comes to its end.",
    abort="None of it: everything is as it was before.",
)


@verb
def promote(c: Context, from_: str = "", to: str = "", check: bool = False) -> None:
    """Deploy to one environment what another has verified, byte for byte."""
    from turnout.promote import promote

    promote(from_, to, check=check)


@verb
def rollback(
    c: Context,
    env: str = "",
    release: str = "",
    current_env: bool = False,
    force: bool = False,
    wait: int = 0,
    batch: str = "",
) -> None:
    """Go back to the release that was live before, or to --release; all hosts, or none."""
    from turnout.rollback import Wish, rollback

    rollback(env, Wish(release, current_env, force, wait, batch))


rollback.help.update(
    current_env="With the live release's environment, for credentials that were revoked since.",
    force="Though the release does not know the schema of the database.",
)


@verb
def recover(c: Context, env: str = "") -> None:
    """Put right what a dead deploy left, on every host."""
    from turnout.recover import recover

    recover(env)


@verb
def unlock(c: Context, env: str = "", yes: bool = False) -> None:
    """Free the hosts from a deploy that hangs, whosever it is; asks first."""
    from turnout.recover import unlock

    unlock(env, yes=yes)


@verb
def status(c: Context, env: str = "", json: bool = False) -> None:
    """Say what is live on each host."""
    from turnout.status import status

    if not status(env, as_json=json):
        raise Exit(code=1)


@verb
def audit(c: Context, env: str = "", json: bool = False) -> None:
    """List what was changed by hand on the hosts since it was shipped; exit code 1 if anything."""
    from turnout.audit import audit

    if not audit(env, as_json=json):
        raise Exit(code=1)


@verb
def receipt(c: Context, env: str = "", host: str = "", json: bool = False) -> None:
    """Say what the last deploy or rollback came to for those who asked meanwhile."""
    from turnout.receipt import receipt

    receipt(env, host=host, as_json=json)


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
def deps_lock(c: Context) -> None:
    """Write the locked requirements from the .in files; what is pinned stays."""
    from turnout.deps import lock

    lock()


@verb(name="upgrade")
def deps_upgrade(c: Context) -> None:
    """Lock the newest versions that the .in files allow, and say what changed."""
    from turnout.deps import upgrade

    upgrade()


@verb(name="audit")
def deps_audit(c: Context) -> None:
    """Look up known vulnerabilities of everything that is locked."""
    from turnout.deps import audit

    audit()


@verb(name="up")
def containers_up(c: Context) -> None:
    """Run the app with PostgreSQL and Redis in containers, all of them made here."""
    from turnout.containers import up

    up()


@verb(name="down")
def containers_down(c: Context, volumes: bool = False) -> None:
    """Remove the containers; --volumes forgets what was written, too."""
    from turnout.containers import down

    down(*(["--volumes"] if volumes else []))


namespace = Collection(
    setup,
    build,
    lint,
    ci,
    bench,
    soak,
    provision,
    deploy,
    canary,
    promote,
    rollback,
    recover,
    unlock,
    status,
    audit,
    receipt,
    logs,
    shell,
)
tests = Collection("test", run_unit, run_lab, run_fleet, run_molecule, run_image, run_coverage)
tests.add_task(run_all, default=True)
namespace.add_collection(tests)
namespace.add_collection(
    Collection("secrets", secrets_init, secrets_edit, secrets_show, secrets_rotate)
)
namespace.add_collection(Collection("deps", deps_lock, deps_upgrade, deps_audit))
namespace.add_collection(Collection("containers", containers_up, containers_down))
namespace.add_collection(lab)
