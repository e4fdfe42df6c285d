"""Put a failed run into words: which host, which step, what came back, what to do next."""

from __future__ import annotations

from turnout.environment import Host
from turnout.errors import TurnoutError
from turnout.playbooks import Result
from turnout.progress import Failure, Progress
from turnout.reach import unreachable

MOST_LINES = 12
# What Ansible says of a host that it cannot work on, and what helps.
_REMEDIES = {
    "The module interpreter": "install python3 on {host}; a host must be Debian 12 or newer",
    "sudo password": "let ansible_user of {host} use sudo without a password",
}


class PlaybookFailed(TurnoutError):
    """A playbook did not succeed on every host."""


def failure(result: Result, hosts: list[Host]) -> PlaybookFailed:
    """Return the error that tells how ``result`` failed, its first cause last on the screen.

    Args:
        result: a run that did not end well.
        hosts: the environment's hosts, for the remedies that depend on how one is reached.
    """
    run = f"{result.name} of {result.env}"
    if result.cancelled:
        return PlaybookFailed(
            f"{run} was cancelled while '{result.progress.task or 'starting'}' ran.",
            "What had been started on the hosts may run on; the site keeps serving.",
            f"invoke status --env {result.env}; the next deploy tidies up by itself",
        )
    first = result.failure
    if first is None:
        return PlaybookFailed(
            f"{run} ended with code {result.exit_code} before any task failed.",
            ansible_words(result.progress),
            f"ansible-playbook -i inventories/{result.env} playbooks/{result.name}.yml -v",
        )
    return _from_task(run, result, first, hosts)


def _from_task(run: str, result: Result, first: Failure, hosts: list[Host]) -> PlaybookFailed:
    reached = {host.name: host for host in hosts}
    message, next_step = without_step(first), first.next_step or remedy(first)
    if first.unreachable and first.host in reached:
        said = ssh_words(message)
        told = unreachable(reached[first.host], said, lab=result.env == "local")
        message, next_step = f"{told.problem}\n{said}", told.next_step
    why = [message, *_cause(first), *_others(result.progress, first)]
    why += [f"Everything about it: {first.folder}"] if first.folder else []
    default = f"read the message above; invoke status --env {result.env} shows what is live"
    return PlaybookFailed(
        f"{run} failed on {first.host} in {first.phase}: {first.task}",
        "\n".join(why),
        next_step or default,
    )


def without_step(first: Failure) -> str:
    """Return the message without the next step at its end, which gets a line of its own."""
    if first.next_step and first.message.endswith(first.next_step):
        return first.message.removesuffix(first.next_step).rstrip().removesuffix("Next:").rstrip()
    return first.message


def ssh_words(message: str) -> str:
    """Return what ssh itself said, without Ansible's words around it and without banners."""
    said = message.partition("can be reached over ssh: ")[2] or message
    return "\n".join(line for line in said.splitlines() if "@@@@" not in line)


def remedy(first: Failure) -> str:
    """Return what to do about a failure that Ansible words itself, '' when it is none we know."""
    for sign, step in _REMEDIES.items():
        if sign in first.message:
            return step.format(host=first.host)
    return ""


def _cause(first: Failure) -> list[str]:
    lines = [first.cause] if first.cause and first.cause not in first.message else []
    evidence = first.evidence.strip().splitlines()[-MOST_LINES:]
    return lines + [f"| {line}" for line in evidence]


def _others(progress: Progress, first: Failure) -> list[str]:
    """What else a person must know: hosts with the same failure, and a revert that failed."""
    later = [other for other in progress.failures if other.host != first.host]
    same = [other.host for other in later if other.task == first.task]
    lines = [f"The same on {', '.join(same)}."] if same else []
    reverts = [
        other
        for other in progress.failures
        if other.phase == "Revert" and other.action != "fail" and other is not first
    ]
    lines += [f"The revert failed too, on {bad.host}: {bad.message}" for bad in reverts]
    return lines


def ansible_words(progress: Progress) -> str:
    """Return what Ansible itself complained of, from its first error on."""
    notes = progress.notes
    errors = [index for index, line in enumerate(notes) if "ERROR" in line]
    start = errors[0] if errors else max(0, len(notes) - MOST_LINES)
    return "\n".join(notes[start : start + MOST_LINES])
