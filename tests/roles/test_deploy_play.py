"""What makes a deploy one transaction over the fleet stands in the shape of its play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Values

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
TASKS = PLAYBOOKS.parent / "roles/release/tasks"
# Task files that only list phases.
LISTS = ("phases.yml", "phases_back.yml", "traffic.yml", "bake_or_park.yml")
PHASES = [
    "Preflight", "Build", "Stage", "Migrate", "Start", "Switch", "Bake", "Park", "Commit",
]  # fmt: skip


# A host that recalls a release starts it in the same call.
BACK = ["Preflight", "Recall", "Switch", "Bake", "Park", "Commit"]
TRANSACTIONS = {"deploy": PHASES, "rollback": BACK}


@pytest.fixture(params=TRANSACTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def play(name: str) -> dict[str, Any]:
    (play,) = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))
    return dict(play)


@pytest.fixture
def parts(play: dict[str, Any]) -> tuple[list[Any], dict[str, Any], list[Any]]:
    """What comes before the transaction, the transaction, and what comes after it."""
    (at,) = (number for number, task in enumerate(play["tasks"]) if "block" in task)
    return play["tasks"][:at], play["tasks"][at], play["tasks"][at + 1 :]


@pytest.fixture
def before(parts: tuple[list[Any], dict[str, Any], list[Any]]) -> list[dict[str, Any]]:
    return parts[0]


@pytest.fixture
def transaction(parts: tuple[list[Any], dict[str, Any], list[Any]]) -> dict[str, Any]:
    return parts[1]


@pytest.fixture
def after(parts: tuple[list[Any], dict[str, Any], list[Any]]) -> list[dict[str, Any]]:
    return parts[2]


def test_failure_of_one_host_ends_it_on_all(play: dict[str, Any]) -> None:
    assert play["any_errors_fatal"] is True


@pytest.mark.parametrize("word", ["serial", "max_fail_percentage", "strategy"])
def test_nothing_lets_hosts_go_ahead_of_the_others(play: dict[str, Any], word: str) -> None:
    assert word not in play


def spread(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks, with those of the files that only list phases in their place."""
    found = []
    for task in tasks:
        named = (task.get(f"ansible.builtin.{how}_tasks") for how in ("import", "include"))
        file = Path(next(filter(None, named), "")).name
        found += spread(role_tasks(file.removesuffix(".yml"))) if file in LISTS else [task]
    return found


def role_tasks(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8")))


def phases(tasks: list[dict[str, Any]]) -> list[str]:
    words = dict.fromkeys(task["name"].split()[0] for task in spread(tasks))
    return [word for word in words if word != "Hooks"]


def test_phases_come_in_order_and_each_for_all_hosts(
    name: str, before: list[dict[str, Any]], transaction: dict[str, Any]
) -> None:
    assert phases([*before, *transaction["block"]]) == TRANSACTIONS[name]


def test_only_phases_that_change_a_host_are_gone_back_from(before: list[dict[str, Any]]) -> None:
    assert set(phases(before)) <= {"Preflight", "Build"}


def test_every_host_goes_back_and_the_failure_stays_a_failure(transaction: dict[str, Any]) -> None:
    (undo,) = transaction["rescue"]
    (back,) = undo["block"]

    assert back["ansible.builtin.import_tasks"].endswith("/revert.yml")
    assert "ansible.builtin.fail" in undo["always"][-1]


def test_failure_is_told_whether_or_not_every_host_could_go_back(
    transaction: dict[str, Any],
) -> None:
    (undo,) = transaction["rescue"]
    told = undo["always"][0]

    assert told["ansible.builtin.import_tasks"].endswith("/afterwards.yml")
    assert told["vars"]["release_hook_points"] == ["on_failure"]


def test_what_is_told_of_a_success_can_undo_nothing(after: list[dict[str, Any]]) -> None:
    (told,) = after

    assert told["ansible.builtin.import_tasks"].endswith("/afterwards.yml")
    assert told["vars"]["release_hook_points"] == ["after_commit"]


def points(tasks: list[dict[str, Any]]) -> list[str]:
    """Return the phases and the points of hooks, in the order of the play."""
    return [
        step
        for task in spread(tasks)
        for step in task.get("vars", {}).get("release_hook_points", [task["name"].lower()])
    ]


ORDER = {
    "deploy": [
        "stage", "after_stage", "before_migrate", "migrate", "after_migrate", "start",
        "before_switch", "switch", "after_switch", "before_commit", "bake", "park", "switch",
        "commit",
    ],
    "rollback": [
        "recall", "before_switch", "switch", "after_switch", "before_commit", "bake", "park",
        "commit",
    ],
}  # fmt: skip


def test_hooks_run_where_their_names_say(name: str, transaction: dict[str, Any]) -> None:
    assert points(transaction["block"]) == ORDER[name]


def test_hooks_before_the_stage_run_under_the_lease_of_every_host() -> None:
    take, hooks = yaml.safe_load((TASKS / "hook_before_stage.yml").read_text(encoding="utf-8"))
    stage = yaml.safe_load((TASKS / "stage.yml").read_text(encoding="utf-8"))

    assert "turnout_take" in take
    assert "when" not in take
    assert hooks["ansible.builtin.import_tasks"] == "hook_each.yml"
    assert [task["vars"]["release_hook_points"] for task in stage if "vars" in task] == [
        ["before_stage"]
    ]
    assert "turnout_stage" in stage[-1]


@pytest.mark.parametrize(
    ("hosts", "hooks", "alone"),
    [
        (1, [], True),
        (1, ["before_stage", "after_switch", "before_commit", "after_commit", "on_failure"], True),
        (1, ["after_stage"], False),
        (1, ["before_migrate"], False),
        (1, ["after_migrate"], False),
        (1, ["before_switch"], False),
        (2, [], False),
    ],
)
def test_one_host_stops_between_phases_only_where_a_hook_runs(
    values: Values, hosts: int, hooks: list[str], alone: bool
) -> None:
    play = [f"web{number}" for number in range(hosts)]
    set_ = {point: [{"command": "true"}] for point in hooks}

    assert (
        values("release", "__release_is_alone", ansible_play_hosts_all=play, release_hooks=set_)
        is alone
    )


def test_nothing_swallows_an_error() -> None:
    for playbook in PLAYBOOKS.glob("*.yml"):
        text = playbook.read_text(encoding="utf-8")
        assert "ignore_errors" not in text
        assert "ignore_unreachable" not in text


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.stem)
def test_playbook_says_how_to_run_it_without_invoke(playbook: Path) -> None:
    header = playbook.read_text(encoding="utf-8").split("- name:")[0]

    assert "ansible-playbook -i inventories/" in header
    assert f"playbooks/{playbook.name}" in header


@pytest.mark.parametrize("phase", ["migrate", "start", "switch"])
def test_a_host_that_is_alone_is_told_the_same_in_one_call(phase: str) -> None:
    (task, *_) = role_tasks("switch_all" if phase == "switch" else phase)
    variables = yaml.safe_load((TASKS.parent / "vars/main.yml").read_text(encoding="utf-8"))
    (call,) = (one for one in variables["__release_then"] if one["phase"] == phase)

    assert {"app": "{{ release_app }}", **call["parameters"]} == task[f"turnout_{phase}"]
    skipped = "not __release_starts_at_once" if phase == "start" else "not __release_is_alone"
    assert skipped in str(task["when"])


def test_a_host_that_is_alone_goes_on_in_the_order_of_the_play() -> None:
    variables = yaml.safe_load((TASKS.parent / "vars/main.yml").read_text(encoding="utf-8"))

    order = [call["phase"] for call in variables["__release_then"]]

    assert [phase.capitalize() for phase in order] == ["Migrate", "Start", "Switch"]
    assert [phase for phase in PHASES if phase.lower() in order] == [*map(str.capitalize, order)]


def test_a_batch_switches_as_the_whole_fleet_does() -> None:
    (whole,) = role_tasks("switch_all")
    (batch, _) = yaml.safe_load((TASKS / "switch_batch.yml").read_text(encoding="utf-8"))

    assert batch["turnout_switch"] == whole["turnout_switch"]


@pytest.mark.parametrize("step", ["switch_batch", "canary_share"])
def test_no_host_that_waits_for_others_takes_its_controller_for_dead(step: str) -> None:
    tasks = yaml.safe_load((TASKS / f"{step}.yml").read_text(encoding="utf-8"))
    (waits,) = (task for task in tasks if "turnout_renew" in task)
    conditions = {str(task["when"]) for task in tasks if task is not waits}

    opposite = str(waits["when"]).replace("is none", "is not none").replace(" not in ", " in ")
    assert conditions == {opposite}


def test_a_host_that_is_not_called_while_others_are_watched_waits_for_that_long(
    values: Values,
) -> None:
    known = {"ansible_play_hosts_all": ["web1", "web2", "web3"], "ansible_forks": 2}
    known |= {"release_lease": {"lease": {"token": "t"}}, "release_bake_seconds": 0}
    known |= {"release_dead_man_seconds": 60, "release_canary_seconds": 300}

    lease = values("release", "__release_canary_lease", **known)

    assert lease == {"token": "t", "seconds": 60 + 300 + 2 * 300}


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        (0, [5]),
        ("0", [5]),
        (1, [1, 1, 1, 1, 1]),
        ("2", [2, 2, 1]),
        (9, [5]),
        ("25%", [2, 2, 1]),
        ("1%", [1, 1, 1, 1, 1]),
        ("100%", [5]),
    ],
)
def test_batches_are_so_many_hosts_or_such_a_share(
    values: Values, said: Any, sizes: list[int]
) -> None:
    hosts = [f"web{number}" for number in range(1, 6)]

    batches = values(
        "release", "__release_batches", release_batch=said, ansible_play_hosts_all=hosts
    )

    assert [len(batch) for batch in batches] == sizes
    assert [host for batch in batches for host in batch] == hosts


@pytest.fixture(scope="module")
def canary() -> dict[str, Any]:
    (play,) = yaml.safe_load((PLAYBOOKS / "canary.yml").read_text(encoding="utf-8"))
    return dict(play)


def transaction_of(play: dict[str, Any]) -> dict[str, Any]:
    (found,) = (task for task in play["tasks"] if "block" in task)
    return dict(found)


def test_a_canary_that_goes_on_has_the_guarantees_of_a_deploy(
    canary: dict[str, Any], transaction: dict[str, Any]
) -> None:
    (undo,), (known,) = transaction_of(canary)["rescue"], transaction["rescue"]

    assert canary["any_errors_fatal"] is True
    assert not {"serial", "max_fail_percentage", "strategy"} & set(canary)
    assert undo["block"] == known["block"]
    assert undo["always"][:-1] == known["always"][:-1]
    assert "ansible.builtin.fail" in undo["always"][-1]


def test_a_canary_ends_as_a_deploy_does(canary: dict[str, Any]) -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / "deploy.yml").read_text(encoding="utf-8"))
    deploy, goes_on = (transaction_of(one)["block"] for one in (play, canary))

    assert phases(goes_on) == ["Canary", *PHASES[-4:]]
    # Where a fleet does not go straight on, which no canary does.
    assert spread(goes_on)[1:] == [*spread(deploy)[-6:-2], spread(deploy)[-1]]
    assert play["tasks"][-1] == canary["tasks"][-1]


@pytest.mark.parametrize("phase", ["bake", "commit"])
def test_a_canary_that_is_left_at_a_share_goes_no_further(phase: str) -> None:
    for task in role_tasks(phase):
        assert "not __release_is_parked" in str(task["when"])


def test_shares_come_before_batches_and_a_canary_that_is_left_has_no_batch(values: Values) -> None:
    canary, batches = role_tasks("switch_steps")
    plan = {"steps": [10], "parks": 10}
    at_once = values(
        "release", "__release_switches_at_once", release_plan=plan, ansible_play_hosts_all=["web1"]
    )

    assert canary["loop"] == "{{ __release_steps }}"
    assert batches["when"] == "not __release_is_parked"
    assert at_once is False


@pytest.mark.parametrize(
    ("hosts", "known", "in_one_go"),
    [
        (1, {}, True),
        (1, {"release_hooks": {"before_stage": [1], "after_commit": [1]}}, True),
        (1, {"release_hooks": {"after_switch": [1]}}, False),
        (1, {"release_hooks": {"before_commit": [1]}}, False),
        (1, {"release_bake_seconds": 30}, False),
        (1, {"release_plan": {"steps": [5], "parks": 0}}, False),
        (2, {}, False),
    ],
)
def test_a_host_that_is_alone_skips_phases_only_where_nothing_is_left_for_them(
    values: Values, hosts: int, known: dict[str, Any], in_one_go: bool
) -> None:
    play = [f"web{number}" for number in range(hosts)]

    found = values("release", "__release_is_in_one_go", ansible_play_hosts_all=play, **known)

    assert found is in_one_go


MIGRATES = {"release_migrate_command": "flask --app hello db upgrade"}


@pytest.mark.parametrize(
    ("hosts", "known", "straight"),
    [
        (2, {}, True),
        (2, {"release_hooks": {"before_stage": [1], "after_commit": [1]}}, True),
        (2, {"release_hooks": {"before_migrate": [1]}}, False),
        (2, {"release_hooks": {"before_switch": [1]}}, False),
        (2, {"release_hooks": {"before_commit": [1]}}, False),
        (2, {"release_bake_seconds": 30}, False),
        (2, {"release_batch": 1}, False),
        (2, {"release_plan": {"steps": [5], "parks": 0}}, False),
        (2, MIGRATES, False),
        (1, {}, False),
    ],
)
def test_a_fleet_goes_straight_on_to_the_switch_only_where_nothing_lies_before_it(
    values: Values, hosts: int, known: dict[str, Any], straight: bool
) -> None:
    known = {"ansible_play_hosts_all": [f"web{number}" for number in range(hosts)], **known}

    assert values("release", "__release_goes_straight_on", **known) is straight
    one_go = values("release", "__release_is_in_one_go", **known)
    by_phase = values("release", "__release_goes_phase_by_phase", **known)
    assert by_phase is not (straight or one_go)


@pytest.mark.parametrize("playbook", ["deploy", "rollback"])
def test_the_role_alone_goes_through_what_the_playbook_does(playbook: str) -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / f"{playbook}.yml").read_text(encoding="utf-8"))
    role = role_tasks("main") if playbook == "deploy" else role_tasks("rollback")[0]["block"]

    transaction = spread(transaction_of(play)["block"])

    assert [task["name"] for task in spread(role)[-len(transaction) - 1 : -1]] == [
        task["name"] for task in transaction
    ]


def test_each_share_is_given_and_then_watched() -> None:
    given, _, watched = role_tasks("canary_share")

    assert given["turnout_switch"]["share"] == "{{ release_share }}"
    assert watched["turnout_bake"]["seconds"] == "{{ release_canary_seconds }}"


def test_a_host_that_is_alone_does_not_run_past_a_canary() -> None:
    variables = yaml.safe_load((TASKS.parent / "vars/main.yml").read_text(encoding="utf-8"))

    assert "__release_steps | length == 0" in variables["__release_is_alone"]


@pytest.mark.parametrize(
    ("plan", "hosts", "steps", "is_parked", "is_alone"),
    [
        ({}, 1, [], False, True),
        ({"skipped": True}, 1, [], False, True),
        ({"steps": [5, 25], "parks": 0}, 1, [5, 25], False, False),
        ({"steps": [10], "parks": 10}, 2, [10], True, False),
        ({"release": "r2", "is_there": True, "steps": [], "parks": 0}, 2, [], False, False),
        # Nothing of it has been in a call before: it has to switch.
        ({"release": "r2", "is_there": True, "steps": [], "parks": 0}, 1, [], False, False),
    ],
)
def test_the_plan_of_a_canary_decides_what_follows(
    values: Values,
    plan: dict[str, Any],
    hosts: int,
    steps: list[int],
    is_parked: bool,
    is_alone: bool,
) -> None:
    known: dict[str, Any] = {"ansible_play_hosts_all": [f"web{n}" for n in range(hosts)]}
    known |= {"release_plan": plan, "release_continues": "is_there" in plan} if plan else {}

    assert values("release", "__release_steps", **known) == steps
    assert values("release", "__release_is_parked", **known) is is_parked
    assert values("release", "__release_is_alone", **known) is is_alone


@pytest.mark.parametrize(("hosts", "seconds"), [(1, 60), (20, 60), (21, 360), (41, 660)])
def test_a_host_that_waits_while_others_are_watched_does_not_go_back(
    values: Values, hosts: int, seconds: int
) -> None:
    names = [f"web{n}" for n in range(hosts)]
    known = {"ansible_play_hosts_all": names, "ansible_forks": 20, "release_bake_seconds": 300}

    lease = values(
        "release", "__release_dead_man_lease", release_lease={"lease": {"token": "t"}}, **known
    )

    assert lease == {"token": "t", "seconds": seconds}


@pytest.mark.parametrize(
    ("known", "release"),
    [
        ({}, "built"),
        ({"release_reason": "rollback"}, "earlier"),
        ({"release_continues": True, "release_reason": "canary"}, "canary"),
    ],
)
def test_playbooks_in_one_run_do_not_take_each_others_release(
    values: Values, known: dict[str, Any], release: str
) -> None:
    registered = {
        "release_build": {"release": "built"},
        "release_host": {"rollback_to": "earlier"},
        "release_plan": {"release": "canary"},
    }

    assert values("release", "__release_name", **registered, **known) == release


BACK = {"changed": True, "back": True}


@pytest.mark.parametrize(
    ("reverted", "where"),
    [
        ({"web1": BACK, "web2": BACK}, "traffic is where it was"),
        ({"web1": BACK}, "traffic is where it was, but perhaps not on web2 ("),
        (
            {"web1": BACK, "web2": {"unreachable": True}},
            "traffic is where it was, but perhaps not on web2 (",
        ),
        (
            {"web1": BACK, "web2": {"changed": False, "back": False}},
            "traffic is where it was, but perhaps not on web2 (",
        ),
        (
            {"web1": {"failed": True}, "web2": {"failed": True}},
            "traffic is where it was, but perhaps not on web1, web2 (",
        ),
    ],
)
def test_a_play_that_failed_names_the_hosts_of_which_it_does_not_know_that_they_went_back(
    values: Values, reverted: dict[str, Any], where: str
) -> None:
    known = {
        host: {"inventory_hostname": host}
        | ({"release_reverted": reverted[host]} if host in reverted else {})
        for host in ("web1", "web2")
    }

    said = values("release", "__release_where", hostvars=known, ansible_play_hosts_all=list(known))

    assert said == where or (where.endswith("(") and said.startswith(where))


def test_a_canary_that_failed_after_a_while_is_not_where_it_was_left(values: Values) -> None:
    host = {"inventory_hostname": "web1", "release_reverted": BACK}
    known = {"hostvars": {"web1": host}, "ansible_play_hosts_all": ["web1"]}

    said = values("release", "__release_where", release_continues=True, **known)

    assert said == "traffic is where it was before it"


@pytest.mark.parametrize(
    ("hosts", "known", "then"),
    [
        (1, {}, ["migrate", "start", "switch"]),
        (3, {}, ["start"]),
        (3, {"release_hooks": {"before_stage": [1], "before_switch": [1]}}, ["start"]),
        (3, {"release_hooks": {"before_migrate": [1]}}, []),
        (3, {"release_migrate_command": "flask db upgrade"}, []),
        (3, {"release_init_command": "flask init"}, []),
    ],
)
def test_a_host_of_a_fleet_starts_at_once_where_nothing_migrates_and_no_hook_comes_before(
    values: Values, hosts: int, known: dict[str, Any], then: list[str]
) -> None:
    (start, *_) = role_tasks("start")
    known = {"release_lease": {"lease": {"token": "t"}}, "ansible_forks": 8, **known}
    known |= {"release_build": {"release": "r2"}}
    play = [f"web{number}" for number in range(hosts)]
    known |= {"ansible_play_hosts": play, "release_migrate_on": "every_host"}

    calls = values("release", "__release_then_on", ansible_play_hosts_all=play, **known)
    at_once = values("release", "__release_starts_at_once", ansible_play_hosts_all=play, **known)

    assert [call["phase"] for call in calls] == then
    assert start["when"] == "not __release_starts_at_once"
    assert at_once is ("start" in then)


@pytest.mark.parametrize(
    ("hosts", "command", "is_checked"),
    [
        (1, "", False),
        (3, "", False),
        (1, "flask db upgrade", False),
        (3, "flask db upgrade", True),
        (1, "python -m app.migrate", True),
    ],
)
def test_an_app_is_imported_on_trial_before_a_command_that_may_not_find_it_broken(
    values: Values, hosts: int, command: str, is_checked: bool
) -> None:
    known = {"ansible_play_hosts_all": [f"web{n}" for n in range(hosts)]}

    found = values("release", "__release_import_check", release_migrate_command=command, **known)

    assert found is is_checked


def test_an_abort_passes_over_the_hosts_that_went_back_already() -> None:
    steps = [*role_tasks("take_over"), *role_tasks("abort")]
    named = [task["when"] for task in steps if {"turnout_take", "turnout_revert"} & task.keys()]

    assert named == [
        "inventory_hostname == release_plan['hosts'][0]",
        "inventory_hostname in release_plan['hosts']",
        "inventory_hostname in release_plan['hosts']",
    ]


@pytest.mark.parametrize(
    ("once", "command", "reason", "known", "initialised"),
    [
        ("once", "flask init", "deploy", False, True),
        ("once", "flask init", "canary", True, True),
        # It was set after the canary had begun.
        ("once", "flask init", "canary", False, False),
        ("once", "flask init", "rollback", True, False),
        ("once", "", "deploy", False, False),
        ("every_host", "flask init", "deploy", False, False),
    ],
)
def test_every_host_notes_that_one_has_run_init_for_all(
    values: Values, once: str, command: str, reason: str, known: bool, initialised: bool
) -> None:
    (task,) = role_tasks("commit")
    set_ = {"release_migrate_on": once, "release_init_command": command, "release_reason": reason}
    found = {"web1": {"release_host": {"initialised": known}}}
    set_ |= {"ansible_play_hosts": ["web1"], "hostvars": found}

    assert values("release", "__release_has_run_init", **set_) is initialised
    assert task["turnout_commit"]["initialised"] == "{{ __release_has_run_init }}"


@pytest.mark.parametrize(("hosts", "then"), [(1, ["start", "switch"]), (3, ["start"])])
def test_a_host_that_recalls_a_release_starts_it_and_waits_for_others_before_the_switch(
    values: Values, hosts: int, then: list[str]
) -> None:
    known = {"release_lease": {"lease": {"token": "t"}}, "release_reason": "rollback"}
    known |= {"release_host": {"rollback_to": "earlier"}, "ansible_forks": 8}
    play = [f"web{number}" for number in range(hosts)]

    calls = values("release", "__release_then_back", ansible_play_hosts_all=play, **known)

    assert [call["phase"] for call in calls] == then
    assert {call["parameters"]["release"] for call in calls} == {"earlier"}


def test_a_rollback_knows_that_it_is_one() -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / "rollback.yml").read_text(encoding="utf-8"))

    assert play["vars"]["release_reason"] == "rollback"
    assert role_tasks("rollback")[0]["vars"]["release_reason"] == "rollback"


@pytest.mark.parametrize("file", sorted(TASKS.glob("*.yml")), ids=lambda path: path.stem)
def test_no_included_task_file_has_the_name_of_a_playbook(file: Path) -> None:
    """Ansible would take the playbook: it looks beside that first."""
    names = {playbook.name for playbook in PLAYBOOKS.glob("*.yml")}

    for task in yaml.safe_load(file.read_text(encoding="utf-8")):
        named = task.get("ansible.builtin.include_tasks")
        assert (named["file"] if isinstance(named, dict) else named) not in names
