"""Redacts blocks in several processes, and gives them back in their order.

Law: secrets go to a worker through a socket, never by an argument, an environment or a named file. A worker is a fresh
interpreter (nothing is forked), makes its engine once, reads blocks from the descriptor that it was sent, and writes
what it changed to a file without a name. The calling process works, too. What is under way is bounded: DEPTH blocks a
worker, SLOTS results a process. A worker ends when its caller does, however that ends; one that is lost is an error,
never a gap.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cassette_tools.blocks import BLOCK
from cassette_tools.draft import Sink, Splice, nameless
from cassette_tools.redaction import redacted
from recorder.errors import RecorderError, UsageError, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from cassette_tools.blocks import Block
    from cassette_tools.redaction import Found, Redacting

__all__ = ["Step", "Team", "default_jobs", "work"]

DEPTH: Final = 2
"""Blocks that a worker has at a time: one in work, one waiting."""

SLOTS: Final = 8
"""Results of one process that may wait for their turn. They wait on disk."""

MOST: Final = 8
"""Processes that are used where nobody says how many."""

WORTH_IT: Final = 32
"""Blocks for which another process is started: that takes as long as redacting about ten."""

_SLOT: Final = 1 << 32
"""Bytes between two results in a file of results, which is sparse."""

_LOOK: Final = 128 * 1024
"""Bytes of work of this process between two looks after the others."""

_PATIENCE: Final = 5.0
"""Seconds that a worker has to end after its caller let it go."""

_BOOT: Final = (
    "import sys; from multiprocessing.connection import Connection; c = Connection(int(sys.argv[1])); "
    "sys.path[:] = c.recv(); from cassette_tools.workers import work; work(c)"
)


def default_jobs() -> int:
    """Return how many processors this process may use, at most MOST."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        count = os.cpu_count() or 1
    return min(count, MOST)


class Step(NamedTuple):
    """What takes the place of the next `size` bytes of the block with the place `block` among those that were given.

    `data` are the new bytes; or they are in the file `stored`: (descriptor, offset, count); or both are None: the bytes
    stay as they are.
    """

    block: int
    size: int
    data: bytes | None
    stored: tuple[int, int, int] | None
    found: tuple[Found, ...]

    @property
    def changes(self) -> bool:
        """Whether the bytes are other ones now."""
        return self.data is not None or self.stored is not None


class Team:
    """This process and up to `jobs` - 1 others. `maker` makes the engine; it is pickled for the others.

    `expected` is how many bytes there are to redact in all files together, as far as that is known. `redactor` is the
    engine of this process. Others are started when there is work for them, and stay until `close`.
    Raises UsageError where `jobs` is less than 1.
    """

    def __init__(self, maker: Callable[[], Redacting], jobs: int = 1, *, expected: int = 0) -> None:
        if jobs < 1:
            raise UsageError(f"{jobs} processes cannot do anything. Give 1 or more.")
        self.redactor = maker()
        self._maker = maker
        self._jobs = jobs if sys.executable else 1
        self._expected = expected // BLOCK
        self._workers: list[_Worker] = []
        self._learned: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def workers(self) -> tuple[int, ...]:
        """The process ids of the others."""
        return tuple(worker.process.pid for worker in self._workers)

    def redact(
        self, descriptor: int, blocks: Sequence[Block], *, name: str, folder: Path | None, writing: bool
    ) -> Iterator[Step]:
        """Redact blocks of an open file; give what becomes of them, in their order.

        New bytes wait in files without a name in `folder`, until the next step is asked for. Without `writing` nothing
        is written, and the new bytes of other processes are not given.
        Raises CassetteDamagedError, CassetteReadError, OutputError, WorkerLostError.
        """
        self._start(len(blocks))
        stores: list[_Store] = []
        done = False
        try:
            stores.append(_Store(folder, writing=writing and bool(self._workers)))
            for worker in self._workers:
                stores.append(_Store(folder, writing=writing))
                worker.open(descriptor, name, stores[-1])
            yield from _Round(self.redactor, descriptor, blocks, name, self._workers, stores[0]).run()
            done = True
        finally:
            for store in stores:
                store.close()
            if not done:
                self.close()  # they may be in the middle of something that nobody wants any more

    def share(self) -> bool:
        """Let every engine know what any has learned. Tells whether there was something new."""
        learned = self.redactor.learned().union(*(worker.ask("learned", ()) for worker in self._workers))
        if learned <= self._learned:
            return False
        self._learned |= learned
        self.redactor.learn(self._learned)
        for worker in self._workers:
            worker.ask("learn", (self._learned,))
        return True

    def close(self) -> None:
        """End the workers. Work that is given later starts new ones."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.let_go()
        for worker in workers:
            worker.end()

    def _start(self, blocks: int) -> None:
        worth = 0 if blocks < 2 else max(blocks, self._expected) // WORTH_IT
        for _ in range(len(self._workers), min(self._jobs - 1, worth)):
            worker = _Worker(self._maker)
            self._workers.append(worker)
            if self._learned:
                worker.ask("learn", (self._learned,))


class _Store:
    """A file without a name for results, each in a slot of its own until it is given back. Or the slots alone."""

    def __init__(self, folder: Path | None, *, writing: bool) -> None:
        self.free = [slot * _SLOT for slot in range(SLOTS)]
        self.folder = folder or Path()
        self.descriptor = nameless(folder) if writing else -1

    def close(self) -> None:
        """Close the file, which removes it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


class _Result(NamedTuple):
    """What became of a block: `written` new bytes at `offset` of the store, or None where it stays as it is."""

    offset: int
    written: int | None
    found: tuple[Found, ...]


class _Round:
    """One pass over blocks."""

    def __init__(
        self,
        redactor: Redacting,
        descriptor: int,
        blocks: Sequence[Block],
        name: str,
        workers: Sequence[_Worker],
        store: _Store,
    ) -> None:
        self._redactor = redactor
        self._descriptor = descriptor
        self._blocks = blocks
        self._name = name
        self._workers = workers
        self._store = store
        self._next = 0  # all blocks before it have been given to somebody, or are long ones
        self._results: dict[int, tuple[_Result, _Store]] = {}

    def run(self) -> Iterator[Step]:
        """Give what becomes of the blocks, in their order."""
        for index, block in enumerate(self._blocks):
            self._serve()
            if block.long or index >= self._next:
                self._next = max(self._next, index + 1)
                yield from self._here(index, block)
                continue
            result, store = self._await(index)
            stored = None if result.written is None else (store.descriptor, result.offset, result.written)
            yield Step(index, block.size, None, stored, result.found)
            store.free.append(result.offset)

    def _here(self, index: int, block: Block) -> Iterator[Step]:
        """Redact the block whose turn it is, and look after the others in between."""
        unseen = 0
        for size, data, found in redacted(self._redactor, block, self._descriptor, name=self._name):
            yield Step(index, size, data, None, (found,) if found is not None else ())
            unseen += size
            if unseen >= _LOOK:
                unseen = 0
                self._serve()

    def _await(self, index: int) -> tuple[_Result, _Store]:
        """Give the result of a block that somebody has; redact others meanwhile."""
        while index not in self._results:
            if self._store.free and (ahead := self._take()) is not None:
                offset = self._store.free.pop()
                result = _into_store(
                    self._redactor,
                    self._blocks[ahead],
                    self._descriptor,
                    self._name,
                    self._store.descriptor,
                    self._store.folder,
                    offset,
                )
                self._results[ahead] = (result, self._store)
            else:
                wait([worker.connection for worker in self._workers if worker.jobs])
            self._serve()
        return self._results.pop(index)

    def _serve(self) -> None:
        """Take what the workers have done, and give them more."""
        for worker in self._workers:
            while worker.jobs and worker.connection.poll():
                done, result = worker.receive()
                self._results[done] = (result, worker.store)
            while len(worker.jobs) < DEPTH and worker.store.free and (index := self._take()) is not None:
                worker.give(index, self._blocks[index])

    def _take(self) -> int | None:
        """Give the next block that can be worked on ahead of its turn."""
        while self._next < len(self._blocks):
            self._next += 1
            if not self._blocks[self._next - 1].long:
                return self._next - 1
        return None


class _Worker:
    """Another process: what it was given, and the connection to it."""

    def __init__(self, maker: Callable[[], Redacting]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Isolated: it imports from where we import, and from nowhere else. A group of its own: an interrupt on the
            # terminal is ours to answer.
            self.process = subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, "-I", "-c", _BOOT, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        self.connection = Connection(ours.detach())
        self.jobs: list[int] = []
        self.store = _NO_STORE
        self._send(sys.path)
        self._send(maker)

    def open(self, descriptor: int, name: str, store: _Store) -> None:
        """Tell it what to read from, and where to put results."""
        self.store = store
        writing = store.descriptor >= 0
        self._send(("open", (name, str(store.folder), writing)))
        with socket.socket(fileno=os.dup(self.connection.fileno())) as line:
            socket.send_fds(line, [b"F"], [descriptor, store.descriptor] if writing else [descriptor])

    def give(self, index: int, block: Block) -> None:
        """Give it a block to redact."""
        self._send(("redact", (block, self.store.free.pop())))
        self.jobs.append(index)

    def receive(self) -> tuple[int, _Result]:
        """Take the result of the first block that it has."""
        result: _Result = self._answer()
        return self.jobs.pop(0), result

    def ask(self, what: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - by what is asked
        """Ask for something while it has no block."""
        self._send((what, arguments))
        return self._answer()

    def let_go(self) -> None:
        """Tell it that there is no more work."""
        self.connection.close()

    def end(self) -> None:
        """Wait for its end, and help a little."""
        if self.jobs:
            self.process.kill()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _send(self, message: object) -> None:
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._lost() from error

    def _answer(self) -> Any:  # noqa: ANN401 - by what was asked
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._lost() from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _lost(self) -> WorkerLostError:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        code = self.process.returncode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else "ended before its work was done"
        return WorkerLostError(f"A process that redacts {how}; nothing was changed. Try again with --jobs 1.")


# -- in the other process


def work(connection: Connection) -> None:
    """Serve a team until it lets go. Only for processes that `Team` starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        bench = _Bench(connection)
        while True:
            what, arguments = connection.recv()
            try:
                answer = getattr(bench, what)(*arguments)
            except RecorderError as error:
                answer = error
            except Exception as error:  # noqa: BLE001 - it is raised where the team is
                answer = _told(error)
            if answer is not bench:
                connection.send(answer)


class _Bench:
    """What a worker can be asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redactor: Redacting = connection.recv()()
        self._source = -1
        self._store = -1
        self._name = ""
        self._folder = Path()

    def open(self, name: str, folder: str, writing: bool) -> _Bench:
        """Take another source, and another file for results."""
        with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            _, descriptors, _, _ = socket.recv_fds(line, 1, 2)
        for old in (self._source, self._store):
            if old >= 0:
                os.close(old)
        self._source, self._store = descriptors if writing else (*descriptors, -1)
        self._name, self._folder = name, Path(folder)
        return self

    def redact(self, block: Block, offset: int) -> _Result:
        """Redact a block."""
        return _into_store(self._redactor, block, self._source, self._name, self._store, self._folder, offset)

    def learned(self) -> frozenset[str]:
        """Tell what was learned."""
        return self._redactor.learned()

    def learn(self, values: frozenset[str]) -> None:
        """Take over what others have learned."""
        self._redactor.learn(values)


def _into_store(
    redactor: Redacting, block: Block, source: int, name: str, store: int, folder: Path, offset: int
) -> _Result:
    """Redact a block, and put what changed into a slot of the store. A store below 0: nothing is written."""
    splice = Splice(source, lambda: Sink(store, folder, offset), block.offset)
    found = []
    for size, data, findings in redacted(redactor, block, source, name=name):
        if findings is not None:
            found.append(findings)
        if data is None or store < 0:
            splice.keep(size)
        else:
            splice.put(size, data)
    sink = splice.finish()
    return _Result(offset, None if sink is None else sink.size, tuple(found))


def _told(error: Exception) -> RuntimeError:
    """Tell of a fault of ours without what it was working on, which may be in its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
    return RuntimeError(f"{type(error).__name__}{where}")


_NO_STORE: Final = _Store(None, writing=False)
