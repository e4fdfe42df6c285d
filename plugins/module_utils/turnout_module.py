"""What every module over the host library has in common: lock, timing, errors in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.turnout_host import cli, journal
from ansible.module_utils.turnout_host.errors import HostFailure
from ansible.module_utils.turnout_host.layout import Layout
from ansible.module_utils.turnout_host.lock import exclusive

APP_OPTION = {"app": {"type": "str", "required": True}}
Action = Callable[[AnsibleModule, Layout], dict[str, Any]]


def run_phase(phase: str, options: dict[str, Any], action: Action, *, writes: bool = True) -> None:
    """Run one phase as an Ansible module.

    Args:
        phase: names it in failures and in the journal.
        options: the module's argument spec, without ``app``.
        action: does the work and returns the module's result.
        writes: takes the app's lock and notes the phase in the journal.
    """
    module = AnsibleModule(argument_spec={**APP_OPTION, **options}, supports_check_mode=True)
    layout = Layout(module.params["app"])
    real = writes and not module.check_mode
    started = time.monotonic()
    try:
        guard: AbstractContextManager[None] = exclusive(layout) if real else nullcontext()
        with guard:
            result = action(module, layout)
            seconds = round(time.monotonic() - started, 3)
            if real:
                journal.record(layout, phase, seconds=seconds)
    except HostFailure as failure:
        module.fail_json(phase=phase, **failure.as_result())
    except OSError as error:
        module.fail_json(phase=phase, **cli.from_os_error(error).as_result())
    module.exit_json(phase=phase, seconds=seconds, **result)
