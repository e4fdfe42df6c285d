"""What a playbook run has done so far, told from Ansible's events; pure, so it can be tested.

A failed deploy reports many failures: the cause, what `any_errors_fatal` made of it on the
other hosts, the revert, and the `fail` that ends the rescue. The first one is the cause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PHASES = (
    "Preflight",
    "Build",
    "Recall",
    "Stage",
    "Migrate",
    "Start",
    "Canary",
    "Switch",
    "Verify",
    "Bake",
    "Park",
    "Commit",
    "Revert",
    "Hooks",
)
# They are shown only where somebody has asked for them.
OPTIONAL = ("Canary", "Bake", "Park")
CONTROLLER = "localhost"
STATES = {
    "runner_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
}
# The role that only looks at the settings.
_CHECK = "app"
_WEIGHT = {"skipped": 0, "ok": 1, "changed": 2, "failed": 3, "unreachable": 3}


@dataclass(frozen=True)
class Failure:
    """One task that failed on one host, in the words of the module; `folder` holds the rest."""

    host: str
    phase: str
    task: str
    message: str
    cause: str = ""
    next_step: str = ""
    evidence: str = ""
    action: str = ""
    unreachable: bool = False
    folder: str = ""


@dataclass(frozen=True)
class Step:
    """One task on one host that has ended: when it began, and how long it took.

    `reported` is what the module itself says of its seconds: one figure of the host, which leaves
    out Ansible and SSH, or a figure for each part of a build.
    """

    host: str
    phase: str
    task: str
    began: float
    seconds: float
    reported: Any = None


@dataclass
class Cell:
    """One phase on one host; a role that calls another one comes back to its phase.

    `seconds` is what ended tasks took, `since` when the running one started, None if none does.
    """

    result: str = "skipped"
    seconds: float = 0.0
    since: float | None = None

    @property
    def state(self) -> str:
        """The state in a word: `running`, or the result so far."""
        running = self.since is not None and self.result not in ("failed", "unreachable")
        return "running" if running else self.result

    def start(self, now: float) -> None:
        """A task started at ``now``."""
        self.since = now

    def end(self, result: str, now: float) -> None:
        """The task ended; a phase that did one thing and skipped another did something."""
        self.seconds += now - (now if self.since is None else self.since)
        self.since = None
        if _WEIGHT[result] >= _WEIGHT[self.result]:
            self.result = result


@dataclass
class Progress:
    """The state of a run: phases by name, each with a cell per host; and what failed.

    `seconds` is the wall time of each phase, `steps` every task in the order in which they ended,
    `run_began` and `run_ended` when the playbook's process did, `notes` what Ansible said outside
    of tasks, `targets` the kinds of host that preflight met, `differences` what `--diff` showed,
    `receipts` what each host's probe has seen, `states` what is live there at the end, `warnings`
    what went wrong beside it, such as a hook after the commit.
    """

    task: str = ""
    phase: str = ""
    phases: dict[str, dict[str, Cell]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    targets: list[dict[str, str]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    run_began: float = 0.0
    run_ended: float = 0.0
    _began: dict[tuple[str, str], float] = field(default_factory=dict)
    _moved: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: float = 0.0
    _items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def first_failure(self) -> Failure | None:
        """The cause; everything that failed later is its consequence."""
        return self.failures[0] if self.failures else None

    def feed(self, event: dict[str, Any], now: float) -> None:
        """Take in one event of ansible-runner that arrived at ``now``."""
        self._spend(now)
        kind, data = event.get("event", ""), event.get("event_data") or {}
        if kind in ("playbook_on_task_start", "playbook_on_handler_task_start"):
            self.task, self.phase = data.get("task", ""), phase_of(data, self.phase)
        elif kind == "runner_on_start":
            self._start(data, now)
        elif kind == "runner_item_on_failed":
            self._items.setdefault((data["host"], data["task"]), data.get("res") or {})
        elif kind == "runner_on_file_diff":
            self._differ(data["host"], event.get("stdout", ""))
        elif kind in STATES:
            self._end(data, STATES[kind], now)
        elif kind in ("verbose", "warning", "error", "deprecated"):
            self.notes += [line for line in event.get("stdout", "").splitlines() if line.strip()]

    def _differ(self, host: str, text: str) -> None:
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            self.differences += [f"{host}, {self.task}:", *(f"  {line}" for line in lines)]

    def _spend(self, now: float) -> None:
        if self.phase and self.phases.get(self.phase):
            spent = self.seconds.get(self.phase, 0.0)
            self.seconds[self.phase] = spent + now - self._last
        self._last = now

    def _start(self, data: dict[str, Any], now: float) -> None:
        self._began[data["host"], data["task"]] = now
        if not self._is_verdict(data):
            self._cell(data).start(now)

    def _cell(self, data: dict[str, Any]) -> Cell:
        return self.phases.setdefault(phase_of(data, self.phase), {}).setdefault(
            data["host"], Cell()
        )

    def _is_verdict(self, data: dict[str, Any]) -> bool:
        """The `fail` that ends a rescue tells how it ended and is no step of its own."""
        return bool(self.failures) and action_of(data) == "fail"

    def _end(self, data: dict[str, Any], state: str, now: float) -> None:
        result = data.get("res") or {}
        self._note_step(data, result, now)
        if action_of(data).startswith("turnout_"):
            self.warnings += [str(warning) for warning in result.get("warnings", [])]
        if state == "failed" and data.get("ignore_errors"):
            state = "ok"
        if not self._is_verdict(data):
            changed = state == "ok" and result.get("changed")
            self._cell(data).end("changed" if changed else state, now)
            self._leave_out(data)
        is_webhook = action_of(data) == "turnout_webhook"
        if phase_of(data, self.phase) == "Hooks" and state != "skipped" and not is_webhook:
            self.states.clear()  # a hook may do much to the hosts meanwhile
        if state in ("failed", "unreachable"):
            self.failures.append(self._failure(data, result, unreachable=state == "unreachable"))
            self._blame(data, result, state)
        elif isinstance(result.get("target"), dict):
            self.targets.append(result["target"])
        if isinstance(result.get("receipt"), dict):
            self.receipts[data["host"]] = result["receipt"]
        # Of the phases that end a deploy; a hook may look at what it likes.
        if result.get("phase") in ("commit", "park") and isinstance(result.get("state"), dict):
            self.states[data["host"]] = result["state"]
        for step in result.get("steps", [])[1:]:
            self._move(data, step)

    def _leave_out(self, data: dict[str, Any]) -> None:
        """Forget a phase on a host where it was not asked for, and its time where that is all."""
        phase = phase_of(data, self.phase)
        if phase in OPTIONAL and self._cell(data).result == "skipped":
            del self.phases[phase][data["host"]]
        if not self.phases.get(phase, True):
            del self.phases[phase]
            self.seconds.pop(phase, None)

    def _move(self, data: dict[str, Any], step: dict[str, Any]) -> None:
        """Give a phase its own time that ran in the call of the phase before it."""
        phase, took = str(step["phase"]).capitalize(), float(step["seconds"])
        caller = self._cell(data)
        cell = self.phases.setdefault(phase, {}).setdefault(data["host"], Cell())
        cell.result, cell.seconds = "changed", cell.seconds + took
        caller.seconds = max(0.0, caller.seconds - took)
        # Hosts do it at the same time, so of one call the slowest host's time counts.
        call, at = (str(data.get("task_uuid") or data["task"]), phase), phase_of(data, self.phase)
        more = max(0.0, took - self._moved.get(call, 0.0))
        self._moved[call] = self._moved.get(call, 0.0) + more
        self.seconds[at] = max(0.0, self.seconds.get(at, 0.0) - more)
        self.seconds[phase] = self.seconds.get(phase, 0.0) + more

    def _blame(self, data: dict[str, Any], result: dict[str, Any], state: str) -> None:
        """Show the failure in the phase that failed, where another one's call ran it."""
        at = phase_of(data, self.phase)
        phase = failed_phase(result, at)
        if phase not in ("", at):
            self._cell(data).result = "changed"
            self.phases.setdefault(phase, {})[data["host"]] = Cell(state)

    def _note_step(self, data: dict[str, Any], result: dict[str, Any], now: float) -> None:
        host, task = data["host"], data["task"]
        began = self._began.pop((host, task), now)
        phase, reported = phase_of(data, self.phase), result.get("seconds")
        self.steps.append(Step(host, phase, task, began, now - began, reported))

    def _failure(
        self, data: dict[str, Any], result: dict[str, Any], *, unreachable: bool = False
    ) -> Failure:
        result = self._items.get((data["host"], data["task"]), result)
        return Failure(
            host=data["host"],
            phase=failed_phase(result, phase_of(data, self.phase)) or phase_of(data, self.phase),
            task=data.get("task", ""),
            message=message_of(result),
            cause=str(result.get("cause") or ""),
            next_step=str(result.get("next_step") or ""),
            evidence=str(result.get("evidence") or ""),
            action=action_of(data),
            unreachable=unreachable,
            folder=str(result.get("failure_folder") or ""),
        )


def phase_of(data: dict[str, Any], current: str = "") -> str:
    """Return the phase a task belongs to: its first word, else what its role makes.

    A task of the role `release` without such a word belongs to the ``current`` phase.
    """
    word = str(data.get("task") or "").split(" ", 1)[0].rstrip(":")
    role = str(data.get("role") or "")
    if word in PHASES or role == _CHECK:
        return word if word in PHASES else PHASES[0]
    # Neither a look for hooks, where there are none, nor a team's own task of one is a phase.
    if role in ("", "release") and current:
        return current
    return (role or str(data.get("play") or "Prepare")).replace("_", " ")


def failed_phase(result: dict[str, Any], at: str = "") -> str:
    """Return the phase that a host names as the one that failed, or ''.

    Args:
        at: the phase that the task belongs to. To a host the steps of a canary are a switch and a
            bake each.
    """
    named = str(result.get("phase") or "").capitalize()
    return named if named in PHASES and at != "Canary" else ""


def action_of(data: dict[str, Any]) -> str:
    """Return the module's name without its collection."""
    return str(data.get("task_action") or "").rpartition(".")[2]


def message_of(result: dict[str, Any]) -> str:
    """Return what a failed task said: its message, else the last thing on its error output."""
    message = str(result.get("msg") or "").strip()
    said = str(result.get("module_stderr") or result.get("stderr") or result.get("stdout") or "")
    lines = [line for line in said.strip().splitlines() if line.strip()]
    if message and not message.startswith(("MODULE FAILURE", "non-zero return code")):
        return message
    return "\n".join(lines[-5:]) or message or "The task failed without a message."
