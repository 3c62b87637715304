"""Looks at many files: finds those in folders, shares them out among processes, gives the reports in their order.

Law: files in, reports out; nothing is printed. Secrets reach another process through a socket, never by an argument,
an environment or a file. A process that is lost is trouble with the files that it had, never a gap. Links between
folders are followed once.

Memory: that of `guard` for each process, and the reports of the files that are under way.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.guard import SUFFIXES, Guard, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cassette_tools.guard import Which
    from recorder.redact.policy import Policy

__all__ = ["File", "Sweep", "files_of", "work"]

_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "site-packages"})
_BATCH_BYTES: Final = 4 << 20
_BATCH_FILES: Final = 64
_WORTH_IT: Final = 16 << 20
"""Bytes below which another process would not have started before the work is done."""
_COST: Final = 32 << 10
"""Bytes that opening a file is worth."""
_AHEAD: Final = 2
_PATIENCE: Final = 5.0
"""Seconds that a process has to end after it was let go."""

_BOOT: Final = (
    "import sys; from multiprocessing.connection import Connection; c = Connection(int(sys.argv[1])); "
    "sys.path[:] = c.recv(); from cassette_tools.sweep import work; work(c)"
)


class File(NamedTuple):
    """A file to look at: its size in bytes as far as it is known, and whether somebody named it."""

    path: str
    size: int
    named: bool


def files_of(paths: Iterable[str]) -> Iterator[File]:
    """Give the files at `paths`, those of folders in the order of their names. Each path once.

    In folders those count whose names end as a cassette's may (`guard.SUFFIXES`). What is hidden there, virtual
    environments, and `node_modules` are passed over. A path that is missing is given, too: looking at it tells.
    """
    seen: set[str] = set()
    folders: set[tuple[int, int]] = set()
    for path in paths:
        found = _below(path, folders) if path != "-" and os.path.isdir(path) else [File(path, _size(path), named=True)]  # noqa: PTH112 -- paths stay as they were given
        for file in found:
            if (same := os.path.normpath(file.path)) not in seen:
                seen.add(same)
                yield file


def _below(folder: str, folders: set[tuple[int, int]]) -> Iterator[File]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            status = os.stat(here)  # noqa: PTH116 -- see files_of
            if (status.st_dev, status.st_ino) in folders:
                continue
            folders.add((status.st_dev, status.st_ino))
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            yield File(here, 0, named=True)  # looking at it tells what is wrong
            continue
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names:
            continue
        inner = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            with suppress(OSError):
                if entry.is_dir():
                    inner.append(entry.path)
                elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                    yield File(entry.path, entry.stat().st_size, named=False)
        waiting.extend(reversed(inner))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- see files_of
    except (OSError, ValueError):
        return 0


class Sweep:
    """A policy that looks at files in up to `jobs` processes (default: as many as there are processors)."""

    def __init__(self, policy: Policy, *, which: Which = "default", jobs: int | None = None) -> None:
        self._guard = Guard(policy, which=which)
        self._told = (policy, which)
        self._jobs = _processors() if jobs is None else jobs

    @property
    def unproven(self) -> tuple[str, ...]:
        """Known values that are looked for with no certainty, by source and reason."""
        return self._guard.unproven

    def run(self, files: Sequence[File]) -> Iterator[Report]:
        """Look at files; give reports in their order. Few files are looked at by this process alone."""
        batches = list(_batches(files))
        cost = sum(file.size + _COST for file in files)
        wanted = min(self._jobs, 1 + cost // _WORTH_IT, len(batches))
        if wanted < 2 or not sys.executable or any(file.path == "-" for file in files):
            for file in files:
                yield self._guard.look(file.path, named=file.named)
            return
        team = _Team(self._guard, pickle.dumps(self._told), wanted - 1)
        try:
            yield from team.run(batches)
        finally:
            team.close()


def _batches(files: Sequence[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


class _Team:
    """This process and others, which take batches as they are free."""

    def __init__(self, guard: Guard, told: bytes, others: int) -> None:
        self._guard = guard
        self._workers = [_Worker(told) for _ in range(others)]
        self._done: dict[int, list[Report]] = {}
        self._next = 0

    def run(self, batches: Sequence[list[File]]) -> Iterator[Report]:
        """Give the reports of all files, in their order."""
        for number in range(len(batches)):
            while number not in self._done:
                self._hand_out(batches)
                if self._next < len(batches):
                    mine = self._next
                    self._next += 1
                    self._done[mine] = self._look(batches[mine])
                    self._collect(batches, 0)
                else:
                    self._collect(batches, None)
            yield from self._done.pop(number)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()

    def _look(self, batch: list[File]) -> list[Report]:
        return [self._guard.look(file.path, named=file.named) for file in batch]

    def _hand_out(self, batches: Sequence[list[File]]) -> None:
        for worker in self._workers:
            while worker.lives and len(worker.batches) < _AHEAD and self._next < len(batches):
                worker.send(self._next, batches[self._next])
                self._next += 1

    def _collect(self, batches: Sequence[list[File]], timeout: float | None) -> None:
        """Take what is there; wait for the first to come where `timeout` is None."""
        waiting = {worker.connection: worker for worker in self._workers if worker.batches}
        for ready in wait(list(waiting), timeout):
            worker = next(worker for connection, worker in waiting.items() if connection is ready)
            try:
                number, reports = worker.receive()
                self._done[number] = reports
            except (EOFError, OSError, pickle.UnpicklingError):
                worker.lives = False
                for lost in worker.batches:
                    self._done[lost] = [
                        Report(file.path, trouble="not looked at: the process that had it was lost; scan it again.")
                        for file in batches[lost]
                    ]
                worker.batches.clear()


class _Worker:
    """Another process."""

    def __init__(self, told: bytes) -> None:
        self.batches: list[int] = []
        self.lives = True
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- this interpreter
                [sys.executable, "-c", _BOOT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self.connection = Connection(ours.detach())
        with suppress(OSError):  # it ended at once: taking its answer tells
            self.connection.send(sys.path)
            self.connection.send_bytes(told)

    def send(self, number: int, batch: list[File]) -> None:
        self.batches.append(number)
        with suppress(OSError):  # see above
            self.connection.send((number, batch))

    def receive(self) -> tuple[int, list[Report]]:
        number, reports = self.connection.recv()
        self.batches.remove(number)
        return number, reports

    def close(self) -> None:
        self.connection.close()
        try:
            self._process.wait(0 if not self.batches else 0.1)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def work(connection: Connection) -> None:
    """Look at batches until the other end is closed. This is what another process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller is told, and ends this one
    with suppress(EOFError, OSError):
        policy, which = pickle.loads(connection.recv_bytes())  # noqa: S301 -- from the process that started this one
        guard = Guard(policy, which=which)
        while True:
            number, batch = connection.recv()
            connection.send((number, [guard.look(file.path, named=file.named) for file in batch]))
