"""Where things are on the controller."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
INVENTORIES = REPOSITORY / "inventories"
PLAYBOOKS = REPOSITORY / "playbooks"
WORK = REPOSITORY / ".turnout"
CACHE = WORK / "cache"
VAULT_PASSWORDS = WORK / "vault"
LABS = WORK / "lab"
_LIBRARY = REPOSITORY / "plugins/module_utils"


def use_library() -> None:
    """Make the build library importable, which lives beside the modules that share it."""
    if str(_LIBRARY) not in sys.path:
        sys.path.append(str(_LIBRARY))
