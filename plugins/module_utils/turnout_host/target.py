"""What of this host decides which wheels fit it."""

from __future__ import annotations

import os
import sys


def target() -> dict[str, str]:
    """Return Python's version, the machine and the C library's version."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": os.uname().machine,
        "glibc": (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2],
    }
