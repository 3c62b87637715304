"""Standard streams that nobody reads any more, or that are full.

Law: what is written to them from then on is lost, without an error. What it was, and what to tell, is the caller's.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["forget"]


def forget(stream: TextIO) -> None:
    """Point a stream at the null device, so that what is in its buffer, and the last flush, do not fail again."""
    with contextlib.suppress(OSError, ValueError):  # it is closed already, or has no descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
