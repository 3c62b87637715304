"""Gathers the figures of a plain cassette part by part, in several processes where there are processors for them.

Law: only what is quite ordinary is read here: whole lines as a recorder writes them, of the newest format. At the first
thing that is not (damage, white space between tokens, an overlong line) all of it is given up (`gather` says None), and
the reader of `recorder.journal` reads the file from its beginning, which knows what to do, and what to tell. The parts
are cut at the same places whatever the number of processes, and put together in their order: the figures are the same
to the last digit.

What figures do not need is not looked at: header fields, and contents of bodies. Of these it is checked only that no
second record is glued into them (a killed writer leaves that), and that the line ends as a whole line ends. The mode
strict looks at everything; it is not for here.

Memory: a process holds one block (`BLOCK`), or its longest line up to `LONGEST`, and the figures of one part, with up
to 2 MB of its lines that are neither interactions nor bodies (parsed: some times that); the
calling process those of the whole. A process that was forked has the pages of its parent, too. It ends when its parent
does: then nobody reads what it writes. Where it is lost, its parent does its work.
"""

from __future__ import annotations

import os
import stat
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import orjson

from cassette_tools.other_process import OtherProcess, can_fork
from recorder.journal.lines import MARK
from recorder.journal.read import FORMAT

if TYPE_CHECKING:
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
_MALFORMED: Final = (KeyError, TypeError, AttributeError, ValueError, OverflowError)

_Owner = tuple[str, str] | None


class Figures(Protocol):
    """What is gathered."""

    def match(self, buffer: bytearray, start: int, end: int) -> bool:
        """Take an interaction line whose end was looked at. False: take it as an object."""

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take a line of any type, without the contents of bodies."""

    def finish(self) -> Self:
        """Count what was taken last."""

    def merge(self, other: Self) -> None:
        """Add the figures of the part that follows."""


F = TypeVar("F", bound=Figures)


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
        self._file, self._size = _opened(path)
        self._owner: _Owner = None

    def __enter__(self) -> Self:
        count = -(-self._size // PART)
        self._processes = max(1, min(self._processes, count))
        try:
            for place in range(1, self._processes):
                self._children[place] = OtherProcess(partial(self._work, place))
        except OSError:
            self._stop()  # no process is left, or no memory: this one does it
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
            for number in range(-(-self._size // PART)):
                figures, marks, self.read = self._result(number)
                whole.merge(figures)
                for line_type, owner in marks:
                    self._mark(line_type, owner)
                if on_progress is not None:
                    on_progress(self.read)
        except (UnusualError, OSError, *_MALFORMED):
            return None
        return whole

    def _mark(self, line_type: str, owner: _Owner) -> None:
        if line_type == "header":
            self._owner, self.finished = owner, False
        else:
            self.finished = self.finished or (owner is not None and owner == self._owner)

    def _result(self, number: int) -> tuple[F, list[tuple[str, _Owner]], int]:
        """Give what a part holds: by the process that has it, or, where that is lost, by this one."""
        child = self._children.get(number % self._processes)
        if child is not None:
            result: tuple[F, list[tuple[str, _Owner]], int] | None = child.receive()
            if result is not None:
                return result
            del self._children[number % self._processes]
        return self._gathered(number)

    def _work(self, place: int) -> Iterator[tuple[F, list[tuple[str, _Owner]], int]]:
        """Gather every part that this process has. In the other process."""
        for number in range(place, -(-self._size // PART), self._processes):
            yield self._gathered(number)

    def _gathered(self, number: int) -> tuple[F, list[tuple[str, _Owner]], int]:
        """Gather one part."""
        last = (number + 1) * PART >= self._size
        start = _line_at(self._file, number * PART)
        end = sys.maxsize if last else _line_at(self._file, (number + 1) * PART)
        figures = self._part()
        reading = _Reading(self._file, figures)
        reached = reading.run(start, end)
        figures.finish()
        return figures, reading.marks, reached

    def _stop(self) -> None:
        children, self._children = self._children, {}
        for child in children.values():
            child.close()


class _Reading(Generic[F]):
    """Reads lines of a range into figures."""

    def __init__(self, file: int, figures: F) -> None:
        self.marks: list[tuple[str, _Owner]] = []
        self._file = file
        self._figures = figures
        self._buffer = bytearray(BLOCK)
        self._told = 0

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

    def _lines(self, end: int) -> None:
        """Take the whole lines of the buffer."""
        buffer = self._buffer
        if buffer.find(0, 0, end) >= 0:
            raise UnusualError
        match, take, find, ends = self._figures.match, self._figures.take, buffer.find, buffer.endswith
        at = number = 0
        while at < end:
            feed = find(b"\n", at, end)
            closed = ends(_CLOSING, at, feed) and buffer[feed - _BEFORE] not in _NO_STRING
            if closed and match(buffer, at, feed):
                number += 1
            elif buffer.startswith(_INTERACTION, at, feed):
                number += 1
                take("interaction", _head(buffer, at, feed, closed=closed))
            elif not buffer.startswith(_BODY, at, feed):
                self._other(at, feed)
            elif find(MARK, at + 1, feed) >= 0 or not ends(b'"}', at, feed):
                raise UnusualError
            at = feed + 1
        # A record that is glued behind a torn interaction and ends as one does: of a recorder's it is an interaction.
        if buffer.count(_INTERACTION, 0, end) != number:
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
