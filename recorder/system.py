"""The operating system and the clock, as the recorder uses them.

Law: what stands here was taken at import and stays what it was. A program under test may mock `os`, `time` or `open`,
freeze its clock or fake its file system; the recorder must go on writing real bytes to a real file with real times.
The functions are held as attributes of a class because the libraries that fake things look through the globals of
modules.
"""

from __future__ import annotations

import functools
import os
import time
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SYSTEM", "Clock", "ForkLock", "ResidentSize", "System"]

_SECOND = 1_000_000_000


def _clock(name: str, otherwise: Callable[[], int]) -> Callable[[], int]:
    get = getattr(time, "clock_gettime_ns", None)
    return otherwise if get is None else functools.partial(get, getattr(time, name))


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    """Stand in for pread on Windows. What is appended goes to the end all the same."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def _leave(*_: int) -> None:
    pass


_monotonic_ns = _clock("CLOCK_MONOTONIC", time.monotonic_ns)
_realtime_ns = _clock("CLOCK_REALTIME", time.time_ns)


class System:
    """The calls that a journal makes. A test hands in a subclass whose n-th call fails."""

    __slots__ = ()

    O_BINARY = getattr(os, "O_BINARY", 0)

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    pipe = staticmethod(os.pipe)
    pread = staticmethod(getattr(os, "pread", _seek_and_read))
    write = staticmethod(os.write)
    fstat = staticmethod(os.fstat)
    stat = staticmethod(os.stat)
    ftruncate = staticmethod(os.ftruncate)
    # macOS and Windows have no fdatasync; fsync is the next stronger thing.
    fdatasync = staticmethod(getattr(os, "fdatasync", os.fsync))
    fsync = staticmethod(os.fsync)
    # Windows has no owners, and before Python 3.13 no fchmod: there a file stays as it was made.
    fchmod = staticmethod(getattr(os, "fchmod", _leave))
    fchown = staticmethod(getattr(os, "fchown", _leave))
    islink = staticmethod(os.path.islink)
    realpath = staticmethod(os.path.realpath)
    replace = staticmethod(os.replace)
    unlink = staticmethod(os.unlink)
    getpid = staticmethod(os.getpid)
    urandom = staticmethod(os.urandom)
    sleep = staticmethod(time.sleep)
    # freezegun replaces the functions that tell the time, but not clock_gettime; time-machine fakes only its
    # real-time clock, and that is checked against the kernel's (see Clock).
    monotonic_ns = staticmethod(_monotonic_ns)
    realtime_ns = staticmethod(_realtime_ns)


SYSTEM = System()


def _kernel_time_ns() -> int | None:
    """Now, from the time stamp that the kernel gives a new pipe: no library fakes that. None where it gives none."""
    with suppress(OSError):
        ends = SYSTEM.pipe()
        try:
            return SYSTEM.fstat(ends[0]).st_ctime_ns or None
        finally:
            for end in ends:
                SYSTEM.close(end)
    return None


class Clock:
    """Real UTC time, also in a program whose clock is frozen or travels.

    Made once a recording: one look at the wall clock, checked against the kernel's, and from then on the monotonic
    clock. So times of one recording never run backwards.
    """

    __slots__ = ("_last", "_offset", "now")

    _gmtime = staticmethod(time.gmtime)

    def __init__(self, system: System = SYSTEM) -> None:
        self.now = system.monotonic_ns
        wall = system.realtime_ns()
        kernel = _kernel_time_ns()
        if kernel is not None and abs(kernel - wall) > _SECOND:
            wall = kernel
        self._offset = wall - system.monotonic_ns()
        self._last = (-1, "")

    def stamp(self, monotonic_ns: int) -> str:
        """Tell a moment of the monotonic clock as RFC 3339 with microseconds."""
        second, fraction = divmod(monotonic_ns + self._offset, _SECOND)
        last, prefix = self._last  # one tuple, so that two threads cannot mix a second with the text of another
        if second != last:
            year, month, day, hour, minute, sec = self._gmtime(second)[:6]
            prefix = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{sec:02d}"
            self._last = (second, prefix)
        return f"{prefix}.{fraction // 1000:06d}Z"


class ForkLock:
    """A re-entrant lock that a forked child finds free, though another thread of its parent held it at the fork.

    For what happens seldom, such as installing taps. On the way of a request, only one
    that brings a new secret value takes it.
    """

    __slots__ = ("_current", "_made")

    def __init__(self) -> None:
        self._current = (SYSTEM.getpid(), RLock())
        self._made = {self._current[0]: self._current}

    def __enter__(self) -> None:
        pid = SYSTEM.getpid()
        if pid != self._current[0]:
            # Of several threads that a child has begun meanwhile, all get the same new lock: setdefault is atomic.
            self._current = self._made.setdefault(pid, (pid, RLock()))
        self._current[1].acquire()

    def __exit__(self, *_: object) -> None:
        self._current[1].release()


class ResidentSize:
    """Tells the resident size of this process again and again, for a microsecond or two each time.

    Keeps one descriptor of /proc/self/statm, where there is one. Should the program close it and put a file of its own
    under its number, then `read` reads from that without moving it, sees that it is no statm, and opens anew. Never
    raises: the figure is a courtesy.
    """

    __slots__ = ("_descriptor", "_identity", "_pid", "_system")

    _page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0

    def __init__(self, system: System = SYSTEM) -> None:
        self._system = system
        self._descriptor = -1
        self._identity = (0, 0)
        self._pid = 0

    def read(self) -> int | None:
        """Resident memory in bytes; None where the system does not tell it cheaply (macOS and Windows do not)."""
        if self._pid == self._system.getpid():
            try:
                return self._parse(self._system.pread(self._descriptor, 128, 0))
            except (OSError, ValueError):
                pass  # closed or replaced by the program: open it again
        elif self._pid < 0:
            return None
        return self._open()

    def close(self) -> None:
        """Close the descriptor, if it is still ours."""
        descriptor, self._descriptor, self._pid = self._descriptor, -1, -1
        if descriptor >= 0:
            with suppress(OSError):
                status = self._system.fstat(descriptor)
                if (status.st_dev, status.st_ino) == self._identity:
                    self._system.close(descriptor)

    def _open(self) -> int | None:
        self.close()  # a forked child's still tells of its parent
        try:
            descriptor = self._system.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            return None  # no Linux, or out of descriptors: not tried for again
        # Two threads may be here at once, so each goes by the descriptor that it opened.
        try:
            status = self._system.fstat(descriptor)
            size = self._parse(self._system.pread(descriptor, 128, 0))
        except (OSError, ValueError):
            with suppress(OSError):
                self._system.close(descriptor)
            return None
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        self._pid = self._system.getpid()
        return size

    def _parse(self, statm: bytes) -> int:
        fields = statm.split()
        if len(fields) != 7:
            raise ValueError("not a statm")
        return int(fields[1]) * self._page
