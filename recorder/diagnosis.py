"""Deep memory samples of this process, for a recording with `diagnose`.

Law: it looks and touches nothing. No method of the program's objects is called, no module is imported for its sake (a
library that is not loaded has no live objects), and what a system cannot tell is None: `sample` never raises. It costs
milliseconds, and tracemalloc, which it starts, slows the program: nothing here runs unless a recording was asked to
diagnose.

A leak shows as a figure that grows with the interactions: contexts, pools and connections that are kept (`objects`),
memory that the program holds (`allocator.in_use`), memory that the allocator does not give back (`allocator.free`), and
the lines of code that allocate it (`growth`).
"""

from __future__ import annotations

import ctypes
import functools
import gc
import heapq
import os
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    _Total = tuple[int, int]

__all__ = ["sample"]

_TOP: Final = 10
"""How many lines of code `growth` names."""

# proc(5): the names of the figures in /proc/self/smaps_rollup (Linux 4.14) and /proc/self/status, in kB there.
_ROLLUP: Final = {
    "rss": "Rss",
    "pss": "Pss",
    "anonymous": "Anonymous",
    "private_dirty": "Private_Dirty",
    "private_clean": "Private_Clean",
    "shared_clean": "Shared_Clean",
    "shared_dirty": "Shared_Dirty",
    "swap": "Swap",
}
_STATUS: Final = {"rss_peak": "VmHWM", "rss_anon": "RssAnon", "rss_file": "RssFile", "data": "VmData"}

# mallinfo(3), `struct mallinfo2` (glibc 2.33): ten numbers of type size_t, in this order.
_MALLINFO2: Final = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)
_ALLOCATOR: Final = ("arena", "in_use", "free", "mmapped", "releasable", "resident", "retained")

# What to count, by name: module and class. Subclasses count, too.
_OBJECTS: Final = {
    "ssl_contexts": ("ssl", "SSLContext"),
    "sockets": ("socket", "socket"),
    "connections": ("http.client", "HTTPConnection"),
    "responses": ("http.client", "HTTPResponse"),
    "pools": ("urllib3.connectionpool", "HTTPConnectionPool"),
    "pool_managers": ("urllib3.poolmanager", "PoolManager"),
    "sessions": ("requests.sessions", "Session"),
}


def sample(interactions: int) -> dict[str, Any]:
    """Take one sample: what a `diagnosis` line of the cassette says (docs/format.md), but for who and when.

    `interactions`: how many this process has written. Sizes are bytes. `growth` is the difference to the sample before,
    empty for the first one. Holds between two samples the totals of each line of code that allocates, some 100 bytes a
    line of code.
    """
    return {
        "interactions": interactions,
        "memory": _memory(),
        "allocator": _allocator(),
        "descriptors": _descriptors(),
        "objects": _objects(),
        "growth": _growth.since_last(),
    }


def _memory() -> dict[str, int | None]:
    rollup = _kilobytes("/proc/self/smaps_rollup")
    status = _kilobytes("/proc/self/status")
    figures = {key: rollup.get(name) for key, name in _ROLLUP.items()}
    figures |= {key: status.get(name) for key, name in _STATUS.items()}
    if figures["rss"] is None:
        figures["rss"] = status.get("VmRSS")  # smaps_rollup is not there in every sandbox
    if figures["rss_peak"] is None:
        figures["rss_peak"] = _peak()
    return figures


def _kilobytes(path: str) -> dict[str, int]:
    """Read `Name:  123 kB` lines as bytes. Empty where there is no such file."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- a file of the kernel
            lines = file.read().decode("ascii", "replace").split("\n")
    except OSError:
        return {}
    figures = (line.split() for line in lines if line.endswith(" kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in figures if len(words) == 3 and words[1].isdigit()}


def _peak() -> int | None:
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _allocator() -> dict[str, int | None]:
    """Tell what the C allocator holds. Python's own allocator of small objects takes its arenas from elsewhere (mmap).

    The same names for glibc and jemalloc: `arena` is what was taken from the system, `in_use` what the program holds of
    it, `free` the rest, `mmapped` what went to blocks of their own (jemalloc: all that is mapped), `releasable` what
    malloc_trim(3) could give back; only jemalloc tells `resident` and `retained`.
    """
    library = _library()
    figures: dict[str, int | None] = dict.fromkeys(_ALLOCATOR)
    if library is not None:
        figures |= _jemalloc(library) or _glibc(library)
    return figures


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return a handle on what the process has loaded, preloaded allocators first. Windows has none."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO2]


def _glibc(library: ctypes.CDLL) -> dict[str, int | None]:
    try:
        mallinfo2 = library.mallinfo2
    except AttributeError:
        return {}  # another C library, or glibc before 2.33, whose mallinfo counts in int and wraps at 2 GiB
    mallinfo2.restype = _Mallinfo2
    info = mallinfo2()
    return {
        "arena": info.arena + info.hblkhd,
        "in_use": info.uordblks + info.hblkhd,
        "free": info.fordblks,
        "mmapped": info.hblkhd,
        "releasable": info.keepcost,
    }


def _jemalloc(library: ctypes.CDLL) -> dict[str, int | None]:
    """Ask jemalloc, where it was preloaded or linked in (jemalloc(3), mallctl). Empty where it was not."""
    try:
        mallctl = library.mallctl
    except AttributeError:
        return {}
    mallctl.argtypes = [ctypes.c_char_p, *[ctypes.c_void_p] * 3, ctypes.c_size_t]
    epoch = ctypes.c_uint64(1)  # statistics are those of the last time somebody wrote the epoch
    mallctl(b"epoch", None, None, ctypes.byref(epoch), ctypes.sizeof(epoch))

    def statistic(name: bytes) -> int | None:
        value, size = ctypes.c_size_t(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_size_t))
        failed = mallctl(name, ctypes.byref(value), ctypes.byref(size), None, 0)
        return None if failed else value.value

    active, allocated = statistic(b"stats.active"), statistic(b"stats.allocated")
    return {
        "arena": active,
        "in_use": allocated,
        "free": None if active is None or allocated is None else active - allocated,
        "mmapped": statistic(b"stats.mapped"),
        "resident": statistic(b"stats.resident"),
        "retained": statistic(b"stats.retained"),
    }


def _descriptors() -> int | None:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 -- a count; the listing itself has one open
        except OSError:
            continue
    return None


def _objects() -> dict[str, int | None]:
    """Count live objects that the collector tracks. None for what no loaded module defines."""
    classes = {name: found for name, (module, attribute) in _OBJECTS.items() if (found := _loaded(module, attribute))}
    counts = dict.fromkeys(classes, 0)
    kinds: dict[type, tuple[str, ...]] = {}
    for thing in gc.get_objects():
        # The real class: `isinstance` would ask a proxy for its `__class__`, and so run the program's code.
        actual = type(thing)
        names = kinds.get(actual)
        if names is None:
            line = type.__dict__["__mro__"].__get__(actual)
            names = kinds[actual] = tuple(name for name, wanted in classes.items() if wanted in line)
        for name in names:
            counts[name] += 1
    return {name: counts.get(name) for name in _OBJECTS}


def _loaded(module: str, attribute: str) -> type | None:
    """Find a class without importing anything, and without waking a module that loads its names late."""
    try:
        names = object.__getattribute__(sys.modules[module], "__dict__")
    except (KeyError, AttributeError):
        return None
    found = names.get(attribute)
    return found if isinstance(found, type) else None


class _Growth:
    """What each line of code allocates, compared with the last time."""

    def __init__(self) -> None:
        self._before: dict[str, _Total] | None = None

    def since_last(self) -> list[dict[str, Any]]:
        if not tracemalloc.is_tracing():
            tracemalloc.start()  # and stays on: by the next sample the program may rely on it
            self._before = None
        try:
            now = _totals()
        except RuntimeError:
            return []  # the program stopped tracing in this very moment
        before, self._before = self._before, now
        return [] if before is None else _largest(before, now)


def _totals() -> dict[str, _Total]:
    """Return size and count of what is allocated, by line of code. The snapshot of all traces does not outlive this."""
    ours = [tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__)]
    statistics = tracemalloc.take_snapshot().filter_traces(ours).statistics("lineno")
    return {_site(one.traceback[0]): (one.size, one.count) for one in statistics}


def _site(frame: tracemalloc.Frame) -> str:
    """Name a line of code as its import would: without the folder of the installation, which is nobody's business."""
    folders = (folder for folder in sys.path if folder and frame.filename.startswith(folder))
    folder = max(folders, key=len, default="")
    return f"{frame.filename[len(folder) :].lstrip(os.sep)}:{frame.lineno}"


def _largest(before: Mapping[str, _Total], now: Mapping[str, _Total]) -> list[dict[str, Any]]:
    nothing = (0, 0)
    differences = (
        (size - before.get(site, nothing)[0], count - before.get(site, nothing)[1], site)
        for site, (size, count) in now.items()
    )
    top = heapq.nlargest(_TOP, (one for one in differences if one[0] > 0))
    return [{"site": site, "size_diff": size, "count_diff": count} for size, count, site in top]


_growth: Final = _Growth()
