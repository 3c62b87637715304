r"""Cuts a cassette into blocks of whole lines that can be worked on apart from each other, and finds bodies in pieces.

Law: nothing is changed and no content is parsed. A block never begins or ends between the first piece of a body and
the interaction that the body belongs to. What the reader's mode `tail` leaves out (torn bytes of a killed run) lies
between blocks; any other damage is the reader's error. Memory: one longest line, one chunk, and some bytes for each
block and each body in pieces that is open at a time.

How it stays quick: an ordinary line begins `{"type":"interaction","id":"`, which cannot stand behind a line feed
otherwise. Only lines that begin differently are looked at, and ordinary ones only while a body is open.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple

import orjson

from recorder.errors import CassetteDamagedError, CassetteReadError
from recorder.journal.lines import Source
from recorder.journal.read import MAX_DAMAGE, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from recorder.journal.read import Damage

Part = Literal["request", "response"]

__all__ = [
    "BLOCK",
    "LONGEST",
    "Block",
    "Pieces",
    "Survey",
    "bodies_in",
    "chunks",
    "lines_in",
    "opening_of",
    "read_at",
    "survey",
]

BLOCK: Final = 1 << 19
"""Bytes from which on a block ends with the line at hand. Larger ones are no quicker, and split small files less."""

LONGEST: Final = 1 << 24
"""Bytes. A stretch that bodies in pieces hold together beyond this is one block that is never held as a whole."""

MAX_OPEN: Final = 65_536
"""Bodies in pieces that may be open at a time: about 300 bytes each."""

_CHUNK: Final = 1 << 21
_NEAR: Final = BLOCK // 4
"""Bytes. Places to cut at, and stretches that may not be cut, are not told apart closer than this."""

_BOM: Final = b"\xef\xbb\xbf"
_ORDINARY: Final = b'{"type":"interaction","id":"'
_ODD: Final = re.compile(rb'\n(?!\{"type":"interaction","id":"|\Z)')
_OPENING: Final = re.compile(
    rb'\{"type":"(?:interaction","id":"([0-9a-zA-Z_-]+)"|body","of":"([0-9a-zA-Z_-]+)","part":"(request|response)",'
    rb'"piece":([0-9]{1,15}),)'
)


_PARTS: Final[dict[bytes, Part]] = {b"request": "request", b"response": "response"}


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines: `size` bytes at `offset`.

    `line` is the number of its first physical line in the file, from 1; `interactions` says how many interactions stand
    ahead of it. `bodies` tells whether body lines are in it. A `long` one is over LONGEST bytes because of them.
    `holes` are damaged ranges (start, end) that a body in pieces stands around: they belong to nothing. `again`: it was
    redacted before, by the same rules; what may be left are values that were learned since.
    """

    offset: int
    size: int
    line: int
    interactions: int
    bodies: bool = False
    long: bool = False
    holes: tuple[tuple[int, int], ...] = ()
    again: bool = False


class Process(NamedTuple):
    """What a `process` line says, and whether its `end` line is there."""

    token: str
    pid: int | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """A cassette, seen once from its beginning to `size`.

    `left_out` lists the damage between blocks; `finished` tells whether its last run ended cleanly; `processes` are
    those that wrote to it (at most MAX_OPEN).
    """

    name: str
    size: int
    blocks: tuple[Block, ...]
    left_out: tuple[Damage, ...]
    finished: bool
    processes: tuple[Process, ...]
    lines: int
    interactions: int


class Opening(NamedTuple):
    """How a record begins: its type, the interaction that it is or belongs to, and for a body line part and number."""

    type: str
    id: str | None = None
    part: Part | None = None
    piece: int | None = None


@dataclass(slots=True, eq=False)
class Pieces:
    """Where the pieces of one body are, in their order: 16 bytes a piece. `head` is the place of its interaction."""

    of: str | None
    part: Part
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    head: tuple[int, int] | None = None


def survey(file: BinaryIO, name: str, *, on_progress: Callable[[int], None] | None = None) -> Survey:
    """Look through a seekable file from its beginning, and cut it.

    `on_progress` is called with the number of bytes seen so far. What is appended meanwhile is not seen.
    Raises NotACassetteError, CassetteNewerError, CassetteDamagedError, CassetteReadError.
    """
    file.seek(0)
    size = 0

    def seen(count: int) -> None:
        nonlocal size
        size = count
        if on_progress is not None:
            on_progress(count)

    reader = Reader(Source(file, name), types=(), bodies=False, on_progress=seen)
    try:
        for _ in reader:
            pass
    except CassetteDamagedError as error:
        raise CassetteDamagedError(f"{error} Nothing was redacted: take the damage out first.") from error
    if len(reader.damage) >= MAX_DAMAGE:
        raise CassetteDamagedError(f"{name}: more than {MAX_DAMAGE} places are damaged. Record again.")
    scan = _Scan(file.fileno(), name)
    at = 0
    for damage in reader.damage:
        scan.segment(at, damage.start)
        at = scan.gap(damage.start, damage.end, size)
    scan.segment(at, size)
    return Survey(
        name=name,
        size=size,
        blocks=tuple(scan.blocks()),
        left_out=tuple(reader.damage),
        finished=reader.finished,
        processes=tuple(Process(token, pid, ended) for token, (pid, ended) in scan.processes.items()),
        lines=scan.line - 1,
        interactions=scan.interactions,
    )


def chunks(descriptor: int, start: int, stop: int, name: str) -> Iterator[tuple[int, bytes, int]]:
    """Yield the lines between two offsets as (offset, data, end): up to `end` there are whole lines in `data`.

    Memory: a chunk, or twice a longest line. Raises CassetteReadError where they cannot be read, or the file has become
    shorter.
    """
    at, size = start, _CHUNK
    while at < stop:
        data = read_at(descriptor, at, min(size, stop - at), name)
        end = len(data) if at + len(data) == stop else data.rfind(b"\n") + 1
        if end:
            yield at, data, end
            at += end
            size = _CHUNK
        else:
            size *= 2  # a long line: it is read again, from its beginning


def read_at(descriptor: int, offset: int, size: int, name: str) -> bytes:
    """Read exactly `size` bytes. Raises CassetteReadError where that is not possible."""
    try:
        data = os.pread(descriptor, size, offset)
        while len(data) < size and (more := os.pread(descriptor, size - len(data), offset + len(data))):
            data += more
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(f"{name}: reading failed: {reason}. Check the disk, then try again.") from error
    if len(data) < size:
        raise CassetteReadError(f"{name}: the file became shorter while it was read. Try again when nothing writes it.")
    return data


def lines_in(data: bytes, size: int) -> Iterator[tuple[int, int, int]]:
    r"""Yield (start, stop, next) of each line in the first `size` bytes.

    `stop` is in front of its line end (`\n` or `\r\n`), `next` is where the next one begins.
    """
    start = 0
    while start < size:
        end = data.find(b"\n", start, size)
        after = end + 1 if end >= 0 else size
        stop = end if end >= 0 else size
        if stop > start and data[stop - 1] == 0x0D:
            stop -= 1
        yield start, stop, after
        start = after


def opening_of(data: bytes, start: int, stop: int) -> Opening | None:
    """Tell how the record between two offsets begins. None for what is no object with a type (an empty line)."""
    match = _OPENING.match(data, start, stop)
    if match is not None:
        identity, of, part, piece = match.groups()
        if identity is not None:
            return Opening("interaction", identity.decode())
        return Opening("body", of.decode(), _PARTS[part], int(piece))
    return _parsed_opening(data[start:stop])


def bodies_in(lines: Iterable[tuple[int, int, Opening | None]], name: str) -> dict[int, Pieces]:
    """Find the bodies in pieces among lines given as (offset, size, opening), by the offset of their first piece.

    Raises CassetteDamagedError where the pieces of a body are out of order: redacted piece by piece, what straddles
    two of them would not be found.
    """
    found: dict[int, Pieces] = {}
    opened: dict[str, dict[str, Pieces]] = {}
    for offset, size, opening in lines:
        if opening is None or opening.type not in {"interaction", "body"}:
            continue
        if opening.type == "interaction":
            for pieces in (opened.pop(opening.id, None) or {}).values() if opening.id is not None else ():
                pieces.head = (offset, size)
            continue
        if opening.id is None or opening.part is None:
            found[offset] = lone = Pieces(None, "response")
            lone.offsets.append(offset)
            lone.sizes.append(size)
            continue
        bodies = opened.setdefault(opening.id, {})
        body = bodies.get(opening.part)
        if opening.piece == 0 or body is None:  # a number 0 again: the same run stands twice in the file
            body = bodies[opening.part] = found[offset] = Pieces(opening.id, opening.part)
        if opening.piece != len(body.offsets):
            raise CassetteDamagedError(
                f"{name}, byte {offset}: a piece of a body is missing or out of order. Record again, or take the lines "
                "of this interaction out."
            )
        body.offsets.append(offset)
        body.sizes.append(size)
    return found


class _Scan:
    """Collects where a cassette may be cut, and where it may not."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.line = 1
        self.interactions = 0
        self.processes: dict[str, tuple[int | None, bool]] = {}
        self._descriptor = descriptor
        self._name = name
        self._open: dict[str, tuple[int, int]] = {}  # bodies: where the first piece begins, where the last one ends
        self._closed = False  # the line before ended the last open body
        self._held = array("Q")  # pairs: stretches that must not be cut, in the order of their ends
        self._gaps: list[tuple[int, int]] = []
        self._cuts = [(0, 1, 0)]  # places to cut at: offset, line, interactions ahead

    def segment(self, start: int, stop: int) -> None:
        """Look through whole lines without damage between them."""
        for offset, data, end in chunks(self._descriptor, start, stop, self._name):
            if self._open or not data.startswith(_ORDINARY) or _ODD.search(data, 0, end):
                self._walk(offset, data, end)
            else:
                self._pass_over(offset, data, end)
        self._may_cut(stop, always=True)

    def gap(self, start: int, stop: int, size: int) -> int:
        """Pass over damaged bytes; give where good ones begin again."""
        self._may_cut(start, always=True)
        if stop < size and read_at(self._descriptor, stop, 1, self._name) == b"\n":
            stop += 1  # the line feed of a torn line goes with it
        for _, data, end in chunks(self._descriptor, start, stop, self._name):
            self.line += data.count(b"\n", 0, end)
        self._gaps.append((start, stop))
        self._may_cut(stop, always=True)
        return stop

    def blocks(self) -> Iterator[Block]:
        """Give the blocks, in the order of the file."""
        for start, end in self._open.values():  # their runs were killed
            self._hold(start, end)
        held = self._merged()
        edges = {edge for gap in self._gaps for edge in gap}
        begin, line, interactions = self._cuts[0]
        place = 0
        bodies = False
        for offset, next_line, next_interactions in self._cuts[1:]:
            while place < len(held) and held[place][1] <= offset:
                bodies = True
                place += 1
            ahead = held[place] if place < len(held) else None
            if ahead is not None and ahead[0] < offset:
                continue  # in the middle of a body
            size = offset - begin
            long_ahead = ahead is not None and ahead[0] == offset and ahead[1] - begin > LONGEST
            if size >= BLOCK or long_ahead or offset in edges or offset == self._cuts[-1][0]:
                yield from self._block(begin, size, line, interactions, bodies=bodies)
                begin, line, interactions, bodies = offset, next_line, next_interactions, False

    def _block(self, offset: int, size: int, line: int, interactions: int, *, bodies: bool) -> Iterator[Block]:
        first = bisect_left(self._gaps, (offset, 0))
        holes = []
        for start, stop in self._gaps[first:]:
            if start >= offset + size:
                break
            holes.append((start, stop))
        if sum(stop - start for start, stop in holes) < size:
            yield Block(offset, size, line, interactions, bodies, bodies and size > LONGEST, tuple(holes))

    def _pass_over(self, offset: int, data: bytes, end: int) -> None:
        """Count ordinary lines without looking at each."""
        at = 0
        while at < end:
            self._may_cut(offset + at, always=self._closed)
            stop = (data.find(b"\n", at + _NEAR, end) + 1) or end
            lines = data.count(b"\n", at, stop) + (not data.endswith(b"\n", at, stop))
            self.line += lines
            self.interactions += lines
            at = stop

    def _walk(self, offset: int, data: bytes, end: int) -> None:
        """Look at each line."""
        opened = self._open
        for start, stop, after in lines_in(data, end):
            opening = opening_of(data, start, stop) if start < stop else None
            kind = opening.type if opening is not None else ""
            at = offset + start
            self._may_cut(at, always=self._closed or (kind == "body" and not opened))
            if kind == "body":
                self._piece(opening, at, offset + after)
            elif kind == "interaction":
                self.interactions += 1
                if opened and opening is not None and (body := opened.pop(opening.id or "", None)) is not None:
                    self._hold(body[0], offset + after)
                    self._closed = not opened
            elif kind in {"process", "end"}:
                self._process(kind, data[start:stop])
            self.line += 1

    def _piece(self, opening: Opening | None, start: int, end: int) -> None:
        of = opening.id if opening is not None else None
        if of is None:
            self._hold(start, end)
            return
        self._open[of] = (self._open[of][0] if of in self._open else start, end)
        if len(self._open) > MAX_OPEN:
            raise CassetteDamagedError(
                f"{self._name}, line {self.line}: more than {MAX_OPEN} bodies in pieces lack their interactions. "
                "Take such lines out, or record again."
            )

    def _process(self, kind: str, line: bytes) -> None:
        said = _object(line) or {}
        token, pid = said.get("process"), said.get("pid")
        if type(token) is not str or (token not in self.processes and len(self.processes) >= MAX_OPEN):
            return
        known, ended = self.processes.get(token, (None, False))
        self.processes[token] = (pid if type(pid) is int else known, ended or kind == "end")

    def _may_cut(self, offset: int, *, always: bool = False) -> None:
        ahead = offset - self._cuts[-1][0]
        if ahead > 0 and (always or ahead >= _NEAR):
            self._cuts.append((offset, self.line, self.interactions))
            self._closed = False

    def _hold(self, start: int, end: int) -> None:
        """Take note of a stretch that belongs together. Those that meet become one, and small ones close by, too."""
        held = self._held
        while held and (held[-1] > start or end - held[-2] <= BLOCK):
            end = max(end, held.pop())
            start = min(start, held.pop())
        held.append(start)
        held.append(end)

    def _merged(self) -> list[tuple[int, int]]:
        stretches = sorted(zip(self._held[::2], self._held[1::2], strict=True))
        merged: list[tuple[int, int]] = []
        for start, end in stretches:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


def _parsed_opening(record: bytes) -> Opening | None:
    said = _object(record.removeprefix(_BOM))
    kind = said.get("type") if said is not None else None
    if said is None or type(kind) is not str:
        return None
    identity, of, part, piece = said.get("id"), said.get("of"), said.get("part"), said.get("piece")
    if kind == "interaction" and type(identity) is str:
        return Opening(kind, identity)
    if kind == "body" and type(of) is str and part in ("request", "response") and type(piece) is int:
        return Opening(kind, of, part, piece)
    return Opening(kind)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict else None
