"""Where things are on the controller."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
INVENTORIES = REPOSITORY / "inventories"
PLAYBOOKS = REPOSITORY / "playbooks"
WORK = REPOSITORY / ".turnout"
CACHE = WORK / "cache"
VAULT_PASSWORDS = WORK / "vault"
LABS = WORK / "lab"
