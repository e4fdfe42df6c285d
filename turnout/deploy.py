"""Run the playbooks that change an environment, and tell what came of it.

Everything that a deploy promises is in `playbooks/deploy.yml`; here is only what comes before
(an environment on this machine, an early start of the build) and what is shown.
"""

from __future__ import annotations

import time
from typing import Any

from turnout import github, local, openssh, receipt, status, timings
from turnout.build import EarlyBuild, remember_targets
from turnout.environment import LOCAL, Environment
from turnout.errors import TurnoutError
from turnout.explain import failure
from turnout.playbooks import Result, run
from turnout.progress import Progress
from turnout.unchanged import live_already, remember
from turnout.view import seconds_line, shown


def deploy(
    env: str,
    *,
    check: bool = False,
    dirty: bool = False,
    tests: bool = True,
    artifact: str = "",
    wait: int = 0,
    batch: str = "",
    canary: str = "",
    canary_to: int = 0,
) -> None:
    """Deploy the app to ``env``; for `local` make everything it needs first.

    Args:
        env: the environment's name.
        check: show what would change and change nothing.
        dirty: allow a git tree with changes that are not committed.
        tests: run the app's own tests before anything is touched.
        artifact: take this one, which is in `.turnout/artifacts`, and build nothing.
        wait: seconds to wait for somebody else's deploy to end.
        batch: how many hosts switch at a time, or which share; empty for what the settings say.
        canary: shares of the traffic that the release goes through first, in percent: `5,25,50`.
        canary_to: the share at which it is left for `invoke canary` to go on; 0 to deploy wholly.

    Raises:
        TurnoutError: the first cause, in words.
    """
    started = time.monotonic()
    environment = local.ready(env)
    if env == LOCAL and not local.is_provisioned(env):
        provision(env, check=check)
    live = None if check or artifact else live_already(environment, dirty=dirty)
    variables = _variables(dirty=dirty, tests=tests, artifact=artifact, wait=wait, batch=batch)
    variables |= {"release_canary": canary} if canary else {}
    variables |= {"release_canary_to": canary_to} if canary_to else {}
    progress = Progress() if live else _deploy(environment, variables, check=check)
    remember_targets(env, progress.targets)
    if not check:
        hosts = live or status.after(environment, progress.states)
        remember(env, hosts)
        _conclude(environment, progress, hosts, time.monotonic() - started)
        timings.store(env, "deploy", progress)


def provision(env: str, *, check: bool = False) -> None:
    """Make the hosts of ``env`` ready for releases.

    Raises:
        TurnoutError: the first cause, in words.
    """
    environment = local.ready(env)
    with shown(title("provision", environment)) as view:
        result = run("provision", env, listener=view, check=check)
        view.finish(result.progress)
    judge(result, environment, check)
    if not check:
        local.remember_provision(env)
        print(f"Provisioned {environment.app} in {env}: {seconds_line(result.progress.seconds)}")


def _variables(*, dirty: bool, tests: bool, artifact: str, wait: int, batch: str) -> dict[str, Any]:
    """Return the variables of the playbook that differ from the settings."""
    variables: dict[str, Any] = {"app_allow_dirty": True} if dirty else {}
    variables |= {} if tests else {"release_test": False}
    variables |= {"release_artifact": artifact} if artifact else {}
    variables |= {"release_wait_seconds": wait} if wait else {}
    return variables | ({"app_batch": batch} if batch else {})


def _deploy(environment: Environment, variables: dict[str, Any], *, check: bool) -> Progress:
    with shown(title("deploy", environment)) as view:
        early = EarlyBuild(
            environment,
            view.note,
            dirty="app_allow_dirty" in variables,
            tests="release_test" not in variables,
        )
        if "release_artifact" not in variables:
            early.start()
        for host in environment.hosts:
            openssh.connect_ahead(host)
        result = run(
            "deploy",
            environment.name,
            listener=view,
            check=check,
            variables=variables,
            cancel=early.failed,
        )
        view.finish(result.progress)
    if result.cancelled and not (check or early.error):
        # What it imports takes a deploy that ends well a twentieth of a second before it begins.
        from turnout import recover

        recover.after_cancel(environment)
    if early.error:
        raise TurnoutError(
            f"deploy of {environment.name} failed in Build: {early.error.what}",
            early.error.why,
            early.error.next_step,
        )
    judge(result, environment, check)
    return result.progress


def title(verb: str, environment: Environment) -> str:
    """Return what a view shows above a run."""
    return f"{verb} of {environment.app} in {environment.name}"


def judge(result: Result, environment: Environment, check: bool) -> None:
    """Show the differences of a dry run; raise the cause of a failed one, after its receipt.

    Raises:
        TurnoutError: the first cause, in words.
    """
    if check:
        print("\n".join(result.progress.differences))
    if not result.ok:
        for line in receipt.kept(environment, result.progress.receipts):
            print(line)
        raise failure(result, environment.hosts)


def _conclude(
    environment: Environment, progress: Progress, hosts: list[dict[str, Any]], total: float
) -> None:
    """Say where the app answers, which slot and release are live, and how long it all took."""
    if "Stage" not in progress.phases:
        print("Nothing has changed: this release is live already.")
    lines = [_live(host) for host in hosts]
    lines += receipt.kept(environment, progress.receipts)
    lines.append(f"{total:.1f} s: {seconds_line(progress.seconds)}".removesuffix(": "))
    print("\n".join(lines))
    where = f"{environment.app} in {environment.name}"
    github.write_summary(f"### Deployed {where}", *(f"- {line}" for line in lines))


def _live(host: dict[str, Any]) -> str:
    if "error" in host:
        return f"{host['host']}: deployed, but status failed: {host['error']}"
    line = f"{host['url']}  {host['live']}  {host['release']}  ({host['host']})"
    parked = status.parked(host)
    return f"{line}, {parked['parked']} % to {parked['release']}" if parked else line
