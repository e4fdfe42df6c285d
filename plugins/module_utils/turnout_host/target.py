"""What of this host decides which wheels fit it."""

from __future__ import annotations

import platform
import sys


def target() -> dict[str, str]:
    """Return Python's version, the machine and the C library's version."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": platform.machine(),
        "glibc": platform.libc_ver()[1],
    }
