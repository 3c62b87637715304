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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SYSTEM", "Clock", "System", "resident_bytes"]

_SECOND = 1_000_000_000


def _clock(name: str, otherwise: Callable[[], int]) -> Callable[[], int]:
    get = getattr(time, "clock_gettime_ns", None)
    return otherwise if get is None else functools.partial(get, getattr(time, name))


_monotonic_ns = _clock("CLOCK_MONOTONIC", time.monotonic_ns)
_realtime_ns = _clock("CLOCK_REALTIME", time.time_ns)


class System:
    """The calls that a journal makes. A test hands in a subclass whose n-th call fails."""

    __slots__ = ()

    O_BINARY = getattr(os, "O_BINARY", 0)

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    read = staticmethod(os.read)
    write = staticmethod(os.write)
    fstat = staticmethod(os.fstat)
    stat = staticmethod(os.stat)
    lseek = staticmethod(os.lseek)
    ftruncate = staticmethod(os.ftruncate)
    # macOS and Windows have no fdatasync; fsync is the next stronger thing.
    fdatasync = staticmethod(getattr(os, "fdatasync", os.fsync))
    replace = staticmethod(os.replace)
    unlink = staticmethod(os.unlink)
    getpid = staticmethod(os.getpid)
    urandom = staticmethod(os.urandom)
    # freezegun replaces the functions that tell the time, but not clock_gettime; time-machine fakes only its
    # real-time clock, and that is checked against the kernel's (see Clock).
    monotonic_ns = staticmethod(_monotonic_ns)
    realtime_ns = staticmethod(_realtime_ns)


SYSTEM = System()


def _kernel_time_ns() -> int | None:
    """Now, from the time stamp that the kernel gives a new pipe: no library fakes that. None where it gives none."""
    with suppress(OSError):
        ends = os.pipe()
        try:
            return os.fstat(ends[0]).st_ctime_ns or None
        finally:
            for end in ends:
                os.close(end)
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


class _Statm:
    """Where Linux tells the resident size.

    Opened for each reading: a descriptor kept could be closed by the program.
    """

    __slots__ = ()

    page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    available = os.path.exists("/proc/self/statm")  # noqa: PTH110 -- pathlib would be an import on the hot path


def resident_bytes(system: System = SYSTEM) -> int | None:
    """Resident memory of this process in bytes; None where the system does not tell in microseconds."""
    if not _Statm.available:
        return None
    try:
        descriptor = system.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None  # out of descriptors, or /proc is gone: the figure is a courtesy
    try:
        return int(system.read(descriptor, 128).split(b" ", 2)[1]) * _Statm.page
    finally:
        system.close(descriptor)
