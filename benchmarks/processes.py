"""One command with the processes that it starts, and what they cost together.

Law: the clock runs from the start of the command to its end, its own start-up and imports with it. CPU time is that of
the command and of all children that it waited for. Memory is read from /proc while the command runs: where that is
asked for, nobody should look at the time, for the reading takes some of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Cost", "run"]

INTERVAL: Final = 0.01
"""Seconds between two looks at the memory of all processes."""
KILOBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took. Times are seconds, sizes bytes.

    `largest` is the largest resident size of one process (getrusage(2), ru_maxrss); it is never below that of the
    process which started the command. `together` is the most that all processes had at one moment, a page that several
    share counted once (proc(5), smaps_rollup, Pss), and `bound` the sum of each process's own peak (VmHWM), which may
    never have been there at once. Both are None where memory was not asked for.
    """

    code: int
    wall_s: float
    cpu_s: float
    largest: int
    together: int | None
    bound: int | None
    processes: int | None
    output: str
    errors: str


def run(command: Sequence[str], environment: Mapping[str, str], *, memory: bool = False) -> Cost:
    """Run a command to its end."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors, text=True
        )
        watch = Watch(process.pid) if memory else None
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            if watch:
                watch.stop()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for here, by another way than its own
        output.seek(0)
        errors.seek(0)
        return Cost(
            process.returncode,
            wall,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * KILOBYTE,
            watch.together if watch else None,
            sum(watch.peaks.values()) if watch else None,
            len(watch.peaks) if watch else None,
            output.read(),
            errors.read(),
        )


class Watch:
    """Looks at the memory of a process and its descendants, in a thread, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.together = 0
        self.peaks: dict[int, int] = {}
        self._pid = pid
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(INTERVAL):
            whole = 0
            for pid in family(self._pid):
                with suppress(OSError):  # it ended meanwhile
                    whole += field(pid, "smaps_rollup", b"Pss:")
                    self.peaks[pid] = max(field(pid, "status", b"VmHWM:"), self.peaks.get(pid, 0))
            self.together = max(self.together, whole)


def family(pid: int) -> Iterator[int]:
    """Give a process and all its descendants (proc(5), children)."""
    yield pid
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - no path is wanted, at 100 Hz
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split():
                yield from family(int(child))


def field(pid: int, file: str, name: bytes) -> int:
    """Read one size, in bytes, of what /proc tells of a process; 0 where it does not."""
    for line in Path(f"/proc/{pid}/{file}").read_bytes().split(b"\n"):
        if line.startswith(name):
            return int(line.split()[1]) * KILOBYTE
    return 0
