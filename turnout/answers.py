"""What the host program has printed, taken at its word or told in words why not."""

from __future__ import annotations

import json
import time
from typing import Any

from turnout.environment import Host
from turnout.paths import use_library
from turnout.reach import HostError


def judged(host: Host, output: str, errors: str, *, code: int = 0, app: str = "") -> dict[str, Any]:
    """Return the JSON document that the host program has printed.

    Raises:
        HostError: it says that it failed, or is none; what is told of a failure is kept.
    """
    try:
        answer = json.loads(output)
    except ValueError:
        raise _no_answer(host, output, errors) from None
    if not isinstance(answer, dict):
        raise _no_answer(host, output, errors)
    if code != 0 or "error" in answer:
        what = str(answer.get("error", f"the host program ended with code {code}"))
        why = errors or str(answer.get("evidence", ""))
        why += _kept(host, app, answer.get("failure_bundle") or {})
        raise HostError(host.name, what, why, str(answer.get("next_step", "")))
    return answer


def _kept(host: Host, app: str, bundle: dict[str, str]) -> str:
    """Write what the host told of a failure, and return a line that says where."""
    use_library()
    from turnout_build import failures

    if not bundle:
        return ""
    try:
        folder = failures.keep(bundle, app=app, host=host.name, began=time.time())
    except OSError as error:
        return f"\nWhat else is known about it could not be kept here: {error}"
    return f"\nEverything about it: {failures.shown(folder)}"


def _no_answer(host: Host, output: str, errors: str) -> HostError:
    said = (errors.strip() or output.strip()) or "nothing at all"
    if "can't open file" in said or "No such file" in said:
        return HostError(
            host.name,
            "the host program is not installed",
            next_step="invoke provision --env ENV installs it",
        )
    if "invalid choice" in said or "unrecognized arguments" in said:
        return HostError(
            host.name,
            "the host program is older than this command",
            next_step="invoke provision --env ENV brings it up to date",
        )
    if "sudo:" in said:
        return HostError(
            host.name,
            f"user {host.user or '(yours)'} may not become root",
            said,
            "allow it password-less sudo, or set ansible_user to root",
        )
    return HostError(host.name, "the host program did not answer in JSON", said)
