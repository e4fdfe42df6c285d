"""The phases that tell how a host is, and change nothing."""

from __future__ import annotations

from . import preflight as before
from . import state as looking
from .calls import Call, Result


def preflight(call: Call) -> Result:
    """Tell whether the host can take a release, and what it lacks."""
    free = int(call.parameters["free_megabytes"]) * 2**20
    found = before.preflight(call.layout, call.parameters.get("python", ""), free)
    return {"changed": False, "lease": looking.lease(call.layout), **found}


def target(call: Call) -> Result:
    """Tell which release a rollback of this host goes to, and whether the schema allows it."""
    from . import rollback, switch

    wanted = call.parameters.get("release") or None
    found = rollback.destination(
        call.layout, wanted, with_current_env=bool(call.parameters.get("current_env"))
    )
    if not call.parameters.get("force"):
        rollback.check_schema(call.layout, found["rollback_base"])
    there = {"lease": looking.lease(call.layout), "release": switch.committed(call.layout)}
    return {"changed": False, **found, **there}


def state(call: Call) -> Result:
    """Tell what is live."""
    return {"changed": False, "state": looking.state(call.layout, call.slots)}


def audit(call: Call) -> Result:
    """Tell what is not as it was shipped."""
    from . import audit as auditing

    return {"changed": False, **auditing.audit(call.layout)}
