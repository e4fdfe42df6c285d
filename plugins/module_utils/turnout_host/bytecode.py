"""Bytecode: Python writes it where it may; what says the same as its source is nobody's doing."""

from __future__ import annotations

import importlib.util
import marshal
import re
import sys
from pathlib import Path

FOLDER = "__pycache__"
_HEADER_BYTES = 16
# The source's name may hold dots: gunicorn.conf.cpython-311.opt-1.pyc.
_NAME = re.compile(rf"(.+)\.{sys.implementation.cache_tag}(?:\.opt-([12]))?\.pyc")


def is_cached(path: str) -> bool:
    """Say whether a path is a folder of bytecode, or bytecode in one."""
    name, folder = Path(path).name, Path(path).parent.name
    return name == FOLDER or (folder == FOLDER and name.endswith(".pyc"))


def is_of_its_source(cached: Path) -> bool:
    """Say whether bytecode is what this Python makes of the source beside it."""
    named = _NAME.fullmatch(cached.name)
    if named is None:
        return False
    source = cached.parent.parent / f"{named[1]}.py"
    try:
        content = cached.read_bytes()
        if content[:4] != importlib.util.MAGIC_NUMBER:
            return False
        made = compile(
            source.read_bytes(),
            str(source),
            "exec",
            dont_inherit=True,
            optimize=int(named[2] or 0),
        )
        # Only loaded and compared: it is not run.
        return bool(marshal.loads(content[_HEADER_BYTES:]) == made)  # noqa: S302
    except (OSError, ValueError, SyntaxError, EOFError, TypeError):
        return False
