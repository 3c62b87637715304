"""Gathers the figures of a plain cassette part by part, in several processes where there are processors for them.

Law: only what is quite ordinary is read here: whole lines as a recorder writes them, of the newest format. At the first
thing that is not (damage, white space between tokens, an overlong line) all of it is given up (`gather` says None), and
the reader of `recorder.journal` reads the file from its beginning, which knows what to do, and what to tell. The parts
are cut at the same places whatever the number of processes, and put together in their order: the figures are the same
to the last digit.

What figures do not need is not looked at: header fields, contents of bodies, texts that are not counted. Of these it is
checked only that the line ends as a whole line ends, and that no second record is glued into them: a killed writer
leaves that. Where the end lines of all processes tell of just the interactions that were found, none can be. Where they
do not, the file is read once more, for that alone. The mode strict looks at everything; it is not for here.

Memory: a process holds one block (`BLOCK`), or its longest line up to `LONGEST`, and the figures of one part, with up
to 2 MB of its lines that are neither interactions nor bodies (parsed: some times that); the
calling process those of the whole. A process that was forked has the pages of its parent, too. It ends when its parent
does: then nobody reads what it writes. Where it is lost, its parent does its work.
"""

from __future__ import annotations

import gc
import os
import stat
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import orjson

from cassette_tools.counting import MALFORMED
from cassette_tools.other_process import OtherProcess, can_fork
from recorder.journal.lines import MARK
from recorder.journal.read import FORMAT

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["BLOCK", "LONGEST", "PART", "WORTH_IT", "Figures", "Parts"]

WORTH_IT: Final = 20_000_000
"""Bytes of a file from which on it is read in parts."""

PART: Final = 16 << 20
"""Bytes of a part: it has the lines that begin in them."""

BLOCK: Final = 1 << 20
"""Bytes that one read asks for."""

LONGEST: Final = 8 << 20
"""Bytes of a line that is read here."""

_MOST_PROCESSES: Final = 2
_TOLD: Final = 2_000_000  # bytes of lines of a part that are neither interactions nor bodies
_HEADER: Final = b'{"type":"header"'
_INTERACTION: Final = b'{"type":"interaction",'
_BODY: Final = b'{"type":"body",'
_BODIES: Final = b',"bodies":{'
_CLOSING: Final = b'"}}}'
_BEFORE: Final = 5  # bytes from the end, in front of the quote of the closing
_NO_STRING: Final = b"\\:"  # in front of a quote that is escaped, or begins a string

_Owner = tuple[str, str] | None


class Figures(Protocol):
    """What is gathered."""

    def match(self, buffer: bytearray, start: int, end: int) -> re.Match[bytes] | None:
        """Match an interaction line unparsed. None where it is to be taken as an object."""

    def take_rows(self, rows: list[tuple[Any, ...]]) -> None:
        """Take the groups of lines that matched, before any line that follows them."""

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take a line of any type, without the contents of bodies."""

    def finish(self) -> Self:
        """Count what was taken last."""

    def merge(self, other: Self) -> None:
        """Add the figures of the part that follows."""

    def is_accounted(self) -> bool:
        """Tell whether the end lines of all processes tell of just the interactions that were taken."""


F = TypeVar("F", bound=Figures)
T = TypeVar("T")


class UnusualError(Exception):
    """Something in the file is for the reader to look at. It never leaves this module."""


class Parts(Generic[F]):
    """A plain cassette to be gathered. A context manager: on entering it starts the other processes.

    `whole` makes the figures of the whole, `part` those of a part. `read` tells how many bytes were read, and
    `finished` whether the last run ended cleanly, as `Reader.finished` does; both when `gather` is done.
    """

    def __init__(
        self, path: str, whole: Callable[[], F], part: Callable[[], F], *, processes: int | None = None
    ) -> None:
        self.finished = False
        self.read = 0
        self._whole = whole
        self._part = part
        self._processes = _default_processes() if processes is None else processes
        self._children: dict[int, OtherProcess] = {}
        self._file, size = _opened(path)
        self._count = -(-size // PART)
        self._owner: _Owner = None

    def __enter__(self) -> Self:
        self._processes = max(1, min(self._processes, self._count))
        self._begin(self._gathered)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if self._file >= 0:
            os.close(self._file)

    def gather(self, on_progress: Callable[[int], None] | None = None) -> F | None:
        """Give the figures of the whole; None where the file is not for here."""
        if self._file < 0:
            return None
        whole = self._whole()
        try:
            for figures, marks, reached in self._results(self._gathered):
                self.read = reached
                whole.merge(figures)
                for line_type, owner in marks:
                    self._mark(line_type, owner)
                if on_progress is not None:
                    on_progress(self.read)
            if not whole.is_accounted():
                self._look_for_glue()
        except (UnusualError, OSError, *MALFORMED):
            return None
        return whole

    def _mark(self, line_type: str, owner: _Owner) -> None:
        if line_type == "header":
            self._owner, self.finished = owner, False
        else:
            self.finished = self.finished or (owner is not None and owner == self._owner)

    def _look_for_glue(self) -> None:
        """Read it once more. Raises UnusualError where an interaction is glued into another line."""
        self._stop()
        self._begin(self._is_single)
        for _ in self._results(self._is_single):
            pass

    def _begin(self, work: Callable[[int], object]) -> None:
        """Start the other processes, each for the work of its parts."""
        try:
            for place in range(1, self._processes):
                self._children[place] = OtherProcess(partial(self._work, work, place))
        except OSError:
            self._stop()  # no process is left, or no memory: this one does it

    def _work(self, work: Callable[[int], object], place: int) -> Iterator[object]:
        """Do the work of every part that this process has. In the other process."""
        for number in range(place, self._count, self._processes):
            yield work(number)

    def _results(self, work: Callable[[int], T]) -> Iterator[T]:
        """Give the results of all parts: of the process that has a part, or, where that is lost, of this one."""
        for number in range(self._count):
            child = self._children.get(number % self._processes)
            result: T | None = None if child is None else child.receive()
            if result is None:
                self._children.pop(number % self._processes, None)
                result = work(number)
            yield result

    def _gathered(self, number: int) -> tuple[F, list[tuple[str, _Owner]], int]:
        """Gather one part."""
        figures = self._part()
        reading = _Reading(self._file, figures)
        with _uncollected():
            reached = reading.run(*self._range(number))
            figures.finish()
        return figures, reading.marks, reached

    def _is_single(self, number: int) -> bool:
        """See to it that each record of a part has a line of its own. Raises UnusualError."""
        start, end = self._range(number)
        _Counting(self._file).run(start, min(end, self.read))
        return True

    def _range(self, number: int) -> tuple[int, int]:
        """Return where the lines of a part begin and end. The last part has what is appended meanwhile."""
        last = number + 1 == self._count
        end = sys.maxsize if last else _line_at(self._file, (number + 1) * PART)
        return _line_at(self._file, number * PART), end

    def _stop(self) -> None:
        children, self._children = self._children, {}
        for child in children.values():
            child.close()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without the cyclic garbage collector: rows are no cycles, and it would look at each of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Blocks(ABC):
    """Reads whole lines of a range, block by block."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._buffer = bytearray(BLOCK)

    def run(self, start: int, end: int) -> int:
        """Read whole lines from `start` to `end`, or to the end of the file; return where that was."""
        buffer, filled, position = self._buffer, 0, start
        while position < end:
            if filled == len(buffer):
                if filled >= LONGEST:
                    raise UnusualError
                buffer += bytes(filled)
            with memoryview(buffer) as view, view[filled : min(len(buffer), filled + end - position)] as room:
                count = os.preadv(self._file, [room], position)
            if not count:
                break
            position += count
            filled += count
            whole = buffer.rfind(b"\n", filled - count, filled) + 1
            if whole:
                self._lines(whole)
                filled -= whole
                buffer[:filled] = buffer[whole : whole + filled]
        if filled:
            raise UnusualError  # a line that is not ended: torn, or being written
        return position

    @abstractmethod
    def _lines(self, end: int) -> None:
        """Take the whole lines in front of `end` in the buffer."""


class _Counting(_Blocks):
    """Sees to it that each interaction has a line of its own. What is no interaction was looked at by `_Reading`."""

    def _lines(self, end: int) -> None:
        # A record that is glued behind a torn one and ends as an interaction does is one, if a recorder wrote it.
        first = self._buffer.startswith(_INTERACTION, 0, end)
        if self._buffer.count(_INTERACTION, 0, end) != self._buffer.count(b"\n" + _INTERACTION, 0, end) + first:
            raise UnusualError


class _Reading(_Blocks, Generic[F]):
    """Reads lines of a range into figures."""

    def __init__(self, file: int, figures: F) -> None:
        super().__init__(file)
        self.marks: list[tuple[str, _Owner]] = []
        self._figures = figures
        self._told = 0

    def _lines(self, end: int) -> None:
        buffer = self._buffer
        if buffer.find(0, 0, end) >= 0:
            raise UnusualError
        match, find, ends = self._figures.match, buffer.find, buffer.endswith
        rows: list[tuple[Any, ...]] = []
        at = 0
        while at < end:
            feed = find(b"\n", at, end)
            closed = ends(_CLOSING, at, feed) and buffer[feed - _BEFORE] not in _NO_STRING
            found = match(buffer, at, feed) if closed else None
            if found is not None:
                rows.append(found.groups())
            else:
                if rows:
                    self._figures.take_rows(rows)
                    rows = []
                self._line(at, feed, closed=closed)
            at = feed + 1
        if rows:
            self._figures.take_rows(rows)

    def _line(self, start: int, end: int, *, closed: bool) -> None:
        """Take a line that did not match."""
        buffer = self._buffer
        if buffer.startswith(_INTERACTION, start, end):
            self._figures.take("interaction", _head(buffer, start, end, closed=closed))
        elif not buffer.startswith(_BODY, start, end):
            self._other(start, end)
        elif buffer.find(MARK, start + 1, end) >= 0 or not buffer.endswith(b'"}', start, end):
            raise UnusualError

    def _other(self, start: int, end: int) -> None:
        """Take a line that is neither an interaction nor a piece of a body."""
        self._told += end - start
        if self._told > _TOLD or not self._buffer.startswith(MARK, start, end):
            raise UnusualError
        head = _object(self._buffer[start:end])
        line_type = head["type"]
        if line_type in {"header", "end"}:
            if line_type == "header" and (head.get("format") != FORMAT or "converted" in head):
                raise UnusualError
            run, process = head.get("run"), head.get("process")
            owner = (run, process) if type(run) is str and type(process) is str else None
            self.marks.append((line_type, owner))
        elif type(line_type) is not str or line_type == "interaction":
            raise UnusualError
        self._figures.take(line_type, head)


def _default_processes() -> int:
    """Return how many processes to use: at most two, for each takes memory."""
    return _MOST_PROCESSES if can_fork() else 1


def _opened(path: str) -> tuple[int, int]:
    """Open a plain cassette that is worth it; return its descriptor (-1: it is not) and its size."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return -1, 0  # opening it again tells why, in better words
    about = os.fstat(file)
    if stat.S_ISREG(about.st_mode) and about.st_size >= WORTH_IT and _begins(file):
        return file, about.st_size
    os.close(file)
    return -1, 0


def _begins(file: int) -> bool:
    try:
        return os.pread(file, len(_HEADER), 0) == _HEADER
    except OSError:
        return False


def _line_at(file: int, offset: int) -> int:
    """Return where the first line begins that begins at `offset` or behind it; the end of the file where none does."""
    if not offset:
        return 0
    at = offset - 1
    while data := os.pread(file, 1 << 16, at):
        found = data.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(data)
    return at


def _head(buffer: bytearray, start: int, end: int, *, closed: bool) -> dict[str, Any]:
    """Parse an interaction without the contents of its bodies."""
    cut = buffer.find(_BODIES, start, end) if closed else -1
    return _object(buffer[start:end] if cut < 0 else buffer[start:cut] + b"}")


def _object(data: bytes | bytearray) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnusualError from error
    if type(value) is not dict:
        raise UnusualError
    return value
