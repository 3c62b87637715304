"""A second process that works beside this one, and gives what it finds one value after the other.

Law: it is forked, so that it has all that this one has, and works with files of its own: two processes that share an
open file share its position. Whatever happens to it, nothing is lost: `receive` says that there is no more, and the
caller does that work itself. It ends when nobody reads what it gives, and soon after this process, however that ends.

Memory: one value, and what the pipe between them holds (1 MiB). Of the caller's memory it has what it writes to.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import sys
import warnings
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["OtherProcess", "can_fork"]

_PIPE: Final = 1 << 20
_LOOKS_EVERY: Final = 1.0
"""Seconds after which the other process looks whether this one is still there: a killed one says no farewell."""


def can_fork() -> bool:
    """Tell whether a second process would have a processor, and may be forked: on macOS that is not safe."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


class OtherProcess:
    """Runs `work` in a process of its own, and hands over what it yields. `send` writes a value, `load` reads one.

    Raises OSError when made, where there is no room for another process.
    """

    def __init__(
        self,
        work: Callable[[], Iterator[Any]],
        *,
        send: Callable[[Any, IO[bytes]], None] | None = None,
        load: Callable[[IO[bytes]], Any] | None = None,
    ) -> None:
        self._load = load or _load
        source, target = os.pipe()
        with suppress(OSError, AttributeError):  # a small pipe does, too
            fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, _PIPE)
        parent = os.getpid()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the bar of progress is another thread
                self._pid = os.fork()
        except OSError:
            os.close(source)
            os.close(target)
            raise
        if not self._pid:
            os.close(source)
            _serve(work, send or _send, target, parent)
        os.close(target)
        self._file: IO[bytes] | None = os.fdopen(source, "rb")

    def receive(self) -> Any:  # noqa: ANN401 - what was sent
        """Give the next value; None where there is no more."""
        if self._file is None:
            return None
        try:
            return self._load(self._file)
        except (EOFError, OSError, pickle.UnpicklingError):  # it ended, perhaps amid a value
            self.close()
            return None

    def close(self) -> None:
        """End it, whatever it does. Calling it again does nothing."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve(work: Callable[[], Iterator[Any]], send: Callable[[Any, IO[bytes]], None], target: int, parent: int) -> None:
    """Work, in the other process, and leave without any of the first one's last duties."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _end_with(parent)
        with os.fdopen(target, "wb") as file:
            for value in work():
                send(value, file)
                file.flush()
    except BaseException:  # noqa: BLE001, S110 - the first process sees that the pipe ends, and meets what is wrong itself
        pass
    finally:
        os._exit(0)


def _end_with(parent: int) -> None:
    """Leave, whatever is being done, when the process that forked this one is gone."""

    def look(_number: int, _frame: FrameType | None) -> None:
        if os.getppid() != parent:
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOKS_EVERY, _LOOKS_EVERY)


def _send(value: Any, file: IO[bytes]) -> None:  # noqa: ANN401 - anything
    pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)


def _load(file: IO[bytes]) -> Any:  # noqa: ANN401 - what was sent
    return pickle.load(file)  # noqa: S301 - of a process that was forked here
