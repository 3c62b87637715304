"""Lets a command that is told to stop take back what it has begun.

Law: what was there before is there again when the command is over.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["stoppable"]


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as an interrupt does: what was begun is taken back.

    A signal that whoever started the command lets it ignore, as nohup does with SIGHUP, stays ignored.
    """

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handled = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    before = [signal.signal(number, stop) for number in handled]
    try:
        yield
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
