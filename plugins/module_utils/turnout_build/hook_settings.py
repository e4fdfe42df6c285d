"""What a team says in `app_hooks`: whether it can run, and whether the hosts wait for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# In the order in which a deploy comes to them.
POINTS = (
    "before_stage", "after_stage", "before_migrate", "after_migrate", "before_switch",
    "after_switch", "before_commit", "after_commit", "on_failure",
)  # fmt: skip
KEYS = ("command", "tasks", "timeout_seconds")
DEFAULT_SECONDS = 30
REPOSITORY = Path(__file__).resolve().parents[3]

Hooks = Mapping[str, Any]


def problems(
    hooks: Hooks, *, lease_seconds: float, dead_man_seconds: float, command_seconds: float
) -> Iterator[str]:
    """Return what is wrong with the hooks, in words.

    Args:
        lease_seconds: how long a host waits for a call before the switch.
        dead_man_seconds: how much of that time hooks may take between switch and commit.
        command_seconds: how long the team's commands on the hosts may take.
    """
    found = list(_form(hooks))
    yield from found
    if not found:
        yield from _before_the_switch(hooks, lease_seconds, command_seconds)
        yield from _after_the_switch(hooks, dead_man_seconds)


def _form(hooks: Hooks) -> Iterator[str]:
    for point, listed in hooks.items():
        if point not in POINTS:
            yield f"app_hooks holds {point!r}: the points are {', '.join(POINTS)}"
        elif not isinstance(listed, list):
            yield f"app_hooks.{point} is no list: write [{{command: ...}}] or [{{tasks: ...}}]"
        else:
            for number, hook in enumerate(listed):
                yield from _form_of_one(f"app_hooks.{point}[{number}]", hook)


def _form_of_one(where: str, hook: Any) -> Iterator[str]:
    if not isinstance(hook, Mapping) or len({"command", "tasks"} & set(hook)) != 1:
        yield f"{where} is neither {{command: ...}} nor {{tasks: ...}}: write one of the two"
        return
    for key in sorted(set(hook) - set(KEYS)):
        yield f"{where} holds {key!r}: a hook has {', '.join(KEYS)}"
    if "command" in hook and not str(hook["command"] or "").strip():
        yield f"{where}.command is empty: write what is to run"
    if "tasks" in hook and not Path(f"{REPOSITORY}/{hook['tasks']}").is_file():
        yield f"{where}.tasks is {hook['tasks']!r}: there is no such file in the repository"
    if not _is_positive(hook.get("timeout_seconds", DEFAULT_SECONDS)):
        yield f"{where}.timeout_seconds is {hook['timeout_seconds']!r}: write seconds above 0"


def _is_positive(value: Any) -> bool:
    try:
        return float(value) > 0
    except (TypeError, ValueError):
        return False


def _before_the_switch(hooks: Hooks, lease: float, commands: float) -> Iterator[str]:
    """While hooks run nobody calls the hosts, and one that hears nothing ends the lease."""
    for points, beside in (
        (("before_stage",), 0.0),
        # A host that does not migrate hears nothing from stage to start.
        (("after_stage", "before_migrate", "after_migrate"), commands),
        (("before_switch",), 0.0),
    ):
        took = _seconds(hooks, points)
        if took and took + beside >= lease:
            more = f", beside app_command_timeout_seconds ({beside:g})" if beside else ""
            yield (
                f"app_hooks may take {took:g} s in {', '.join(points)}{more}: make "
                f"app_lease_seconds ({lease:g}) more, or their timeout_seconds less"
            )


def _after_the_switch(hooks: Hooks, most: float) -> Iterator[str]:
    points = ("after_switch", "before_commit")
    took = _seconds(hooks, points)
    if took > max(most, 0):
        yield (
            f"app_hooks may take {took:g} s between the switch and the commit "
            f"({', '.join(points)}), when a host that hears nothing goes back by itself: make "
            f"app_dead_man_seconds {took - most:g} more, or their timeout_seconds less"
        )


def _seconds(hooks: Hooks, points: tuple[str, ...]) -> float:
    every = (hook for point in points for hook in hooks.get(point, []))
    return sum(float(hook.get("timeout_seconds", DEFAULT_SECONDS)) for hook in every)
