"""The largest resident size that a process has had, for the programs that tests start.

Law: of this process alone. getrusage(2) says more: its `ru_maxrss` outlives exec(2), so that a program that was started
by a large test runner begins with the runner's size, and its own growth is not seen.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["peak_kib"]

_STATUS = Path("/proc/self/status")


def peak_kib() -> int:
    """Return KiB: VmHWM of proc(5) where there is one, else what getrusage says."""
    if _STATUS.exists():
        for line in _STATUS.read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
