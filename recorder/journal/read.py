r"""The reading side of a cassette: its lines as a stream.

Law: a cassette of any size is read in the memory of its longest line (`max_line` at most) and one block. Contents of
bodies are not parsed until somebody asks for them. For its content a file raises BadCassetteError and nothing else,
whatever the content is.

How it stays quick: an interaction line is parsed up to `,"bodies":{` and a body line up to its content. Such bytes
cannot stand inside a JSON string, and a prefix that is cut at a nested key does not parse. Of the part that is left
out the reader checks that it ends as a whole line ends (a quote that is not escaped, the braces, the line feed) and
that no second record is glued into it. Where a check fails the line is parsed whole, and only that decides. What this
leaves unseen, in the modes `tail` and `skip`, is a content garbled in its middle: `Reader.body` tells it. The mode
`strict` parses every line whole.

How damage is found again: the bytes `{"type":"` begin each record and stand nowhere else in one. A killed writer's torn
record has the next writer's record glued behind it, on one physical line; reading goes on at those bytes.

What is accepted besides what a recorder writes: white space between tokens, `\r\n`, and, but in `strict`, empty
lines, a byte order mark at the beginning, and a whole last line without its line feed. Numbers are orjson's: an
integer over 64 bits becomes a float.
"""

from __future__ import annotations

import binascii
import hashlib
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import orjson

from recorder.errors import BadCassetteError, CassetteDamagedError, CassetteNewerError, NotACassetteError, UsageError
from recorder.journal.lines import ENDED, LAST, MARK, OVERLONG, Source, Spool, Window

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["FORMAT", "MAX_LINE", "Damage", "Line", "Mode", "Part", "Pieces", "Reader"]

Mode = Literal["tail", "strict", "skip"]
Part = Literal["request", "response"]

FORMAT = 1
"""The newest format version that this reader knows."""

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From a format version to the step that turns an object of its lines into one of the next version."""

MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes. A recorder's own longest line is about 12 MiB."""

MAX_DAMAGE: Final = 10_000
"""Damaged ranges that are listed one by one. Later ones are put together in the last of them."""

MAX_PENDING_BODIES: Final = 4_096
"""Bodies in pieces whose interaction has not come yet, that the reader remembers at a time: about 500 bytes each."""

MAX_PENDING_PIECES: Final = 1_000_000
"""Pieces of such bodies: 16 bytes each."""

_HEADER: Final = b'{"type":"header"'
_INTERACTION: Final = b'{"type":"interaction"'
_BODIES: Final = b',"bodies":{'
_TEXT: Final = b',"text":"'
_BASE64: Final = b',"base64":"'
_NEAR: Final = 1_024
"""How far into a body line its content may begin for the line to be cut there."""

_SHORT: Final = 4_096
"""Bytes up to which parsing a line whole is quicker than looking for what may be left out."""
_LONGEST_TYPE: Final = 64

_NUL: Final = "NUL bytes"
_ENDINGS: Final = (b"}", b"}\r")
_BRACE: Final = 0x7D
_BACKSLASH: Final = 0x5C
_COLON: Final = 0x3A
_RETURN: Final = 0x0D
_KINDS: Final = {name.encode(): name for name in ("interaction", "body", "header", "process", "diagnosis", "end")}


@dataclass(frozen=True, slots=True)
class Damage:
    """A byte range [start, end) that could not be read, and why. The reason holds no recorded bytes."""

    start: int
    end: int
    reason: str


@dataclass(slots=True, eq=False)
class Line:
    """One record. `number` is that of its physical line, from 1; `offset` and `size` its bytes without line feed.

    `head` is the object without contents of bodies: an interaction's without `bodies`, a body line's without `text` and
    `base64`. `format` is the version of the run it belongs to; `head` is in the newest one. `contents` are an
    interaction's `bodies`, where the reader was asked for them.
    """

    number: int
    offset: int
    size: int
    type: str
    head: dict[str, Any]
    reader: Reader
    format: int
    pieces: dict[str, Pieces] | None = None
    contents: dict[str, Any] | None = None

    def load(self) -> dict[str, Any]:
        """Parse the whole line, contents included. Memory: a few times the line's size.

        Of a stream that cannot seek, only the line at hand can be loaded.
        Raises CassetteDamagedError, CassetteReadError, UsageError.
        """
        return self.reader.load(self)

    @property
    def where(self) -> str:
        """The file and the line, to open a message with."""
        return f"{self.reader.name}, line {self.number}"


class Pieces:
    """Where the pieces of one body are, in their order. 16 bytes a piece."""

    __slots__ = ("gap", "offsets", "sizes")

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.sizes = array("Q")
        self.gap: str | None = None

    def add(self, piece: object, offset: int, size: int) -> None:
        """Take note of the next piece; what its line says is its number is compared."""
        if piece != len(self.offsets) or type(piece) is not int:
            shown = str(piece) if type(piece) is int else "a piece without a number"
            self.gap = self.gap or f"{shown} stands where piece {len(self.offsets)} should"
        self.offsets.append(offset)
        self.sizes.append(size)


class Reader:
    """The lines of one cassette, in file order.

    `source` is a path or a binary stream, which need not be seekable. `mode`: see `docs/format.md`, "Damage". A line
    over `max_line` bytes is damage and is never held. With `types` only lines of these types are yielded, and others
    are passed over unparsed as far as possible. With `bodies` false nothing is remembered of body lines, and `body`
    cannot give bodies in pieces. With `contents` interactions are parsed whole, and bring their bodies along: quick for
    whoever wants all of them. `on_progress` is called with the number of bytes read so far, after each block.

    Memory: the longest line, one block, and what MAX_PENDING_BODIES and MAX_PENDING_PIECES allow (less than 20 MB).
    What is parsed of a line may take up to about 30 times its size in a file made to hurt (empty lists), about twice
    else: where that counts give a smaller `max_line`. A source that is not seekable also takes an unnamed temporary
    file, for the pieces of bodies whose interaction has not come yet.

    `damage` lists what was left out so far: in the mode tail at most one range for each run, in the mode skip all.
    `finished` tells whether the run at hand ended cleanly: the process of its header line wrote its end line.

    Raises when made: CassetteNotFoundError, CassetteReadError, NotACassetteError for a directory. Raises while
    iterating: NotACassetteError, CassetteNewerError, CassetteDamagedError, CassetteReadError. Iterating again goes on
    where the last loop stopped.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO | Source,
        *,
        mode: Mode = "tail",
        max_line: int = MAX_LINE,
        types: Collection[str] | None = None,
        bodies: bool = True,
        contents: bool = False,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        if mode not in {"tail", "strict", "skip"}:
            raise UsageError(f"{mode!r} is no mode of reading. Use tail, strict or skip.")
        self._source = source if isinstance(source, Source) else Source(source)
        self.name: str = self._source.name
        self.mode = mode
        self.damage: list[Damage] = []
        self.finished = False
        self._window = Window(self._source, max_line=max_line, on_progress=on_progress)
        self._types = None if types is None else frozenset(types)
        self._contents = contents
        self._indexing = bodies and (types is None or "interaction" in types)
        self._pending: OrderedDict[str, dict[str, Pieces]] = OrderedDict()
        self._pieces = 0
        self._spool = Spool()
        self._format = 0  # of the run at hand; 0 before the first line
        self._owner: tuple[str, str] | None = None
        self._torn: Damage | None = None  # seen, and not yet known to be a tail
        self._torn_line = 0
        self._current: Line | None = None
        self._lines = self._read()

    def __iter__(self) -> Iterator[Line]:
        return self._lines

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if the reader opened it, and drop what was spooled."""
        self._source.close()
        self._spool.close()

    # -- the stream of lines

    def _read(self) -> Iterator[Line]:
        strict = self.mode == "strict"
        parsed = self._parsed()
        window = self._window
        for start, end, how in window.spans():
            if how == ENDED and not strict:
                buffer = window.buffer
                if parsed is None and (end - start <= _SHORT or self._whole(start, end)):
                    record = _parse(buffer, start, end, contents=self._contents)
                else:
                    kind = _sniff(buffer, start, end)
                    if kind is not None and parsed is not None and kind not in parsed:
                        if buffer.find(MARK, start + 1, end) < 0:
                            self._settle(kind, start)
                            continue
                        kind = None
                    record = self._record(start, end, kind) if kind is not None else None
                if record is not None:
                    line = self._take(*record, start, end)
                    if line is not None:
                        yield line
                        self._current = None
                    continue
            for kind, head, first, last in self._segments(start, end, how):
                line = self._take(kind, head, first, last)
                if line is not None:
                    yield line
                    self._current = None
        self._finish()

    def _whole(self, start: int, end: int) -> bool:
        """Tell whether a longer line is to be parsed with its contents."""
        return self._contents and self._window.buffer.startswith(_INTERACTION, start, end)

    def _record(self, start: int, end: int, kind: str) -> tuple[str, dict[str, Any]] | None:
        if self._contents and kind == "interaction":
            return _parse(self._window.buffer, start, end, contents=True)
        return _head(self._window.buffer, start, end, kind)

    def _parsed(self) -> frozenset[str] | None:
        """Give the types whose lines must be parsed; None for all."""
        if self._types is None:
            return None
        return self._types | {"header", "end"} | ({"body"} if self._indexing else set())

    def _segments(self, start: int, end: int, how: int) -> Iterator[tuple[str, dict[str, Any], int, int]]:
        """Give the records of a physical line that is not an ordinary one; what is no record is damage."""
        buffer = self._window.buffer
        if how == OVERLONG:
            nul = self._window.only_nul
            self._bad(start, end, _NUL if nul else "the line is longer than the reader's bound", tail=nul)
            return
        if self._window.base + start == 0 and self.mode != "strict" and buffer.startswith(b"\xef\xbb\xbf", start, end):
            start += 3
        if not buffer[start:end].strip(b" \t\r"):
            if self.mode == "strict" and (how == ENDED or end > start):
                self._bad(start, end, "the line is empty", tail=False)
            return
        whole = how == ENDED or self.mode != "strict"
        if whole and (record := _parse(buffer, start, end, contents=self._contents)) is not None:
            yield *record, start, end
            return
        for first, last in _split(buffer, start, end):
            if self.mode != "strict" and (record := _parse(buffer, first, last, contents=self._contents)) is not None:
                yield *record, first, last
            elif (
                self.mode == "tail"
                and last < end
                and self._format
                and MARK.startswith(bytes(buffer[first : min(last, first + len(MARK))]))
            ):
                # A process of several was killed in its write, and another one went on right behind the torn bytes.
                self._note(Damage(self._window.base + first, self._window.base + last, "the record is torn"))
            else:
                self._bad(first, last, _reason(buffer, first, last, ended=how != LAST and last == end), tail=True)

    def _take(self, kind: str, head: dict[str, Any], start: int, end: int) -> Line | None:
        """Account for a good record; give it as a line if it is wanted."""
        if self._torn is not None or not self._format:
            self._settle(kind, start)
        pieces = None
        if kind == "interaction":
            if self._pending:
                pieces = self._claim(head.get("id"))
        elif kind == "body":
            if self._indexing:
                self._index(head, start, end)
        elif kind == "header":
            self._begin(head)
        elif kind == "end":
            self.finished = self.finished or (self._owner is not None and _owner(head) == self._owner)
        if self._types is not None and kind not in self._types:
            return None
        if self._format < FORMAT:
            head = self._migrated(head, self._format)
        contents = head.pop("bodies", None) if self._contents and kind == "interaction" else None
        line = Line(
            self._window.number,
            self._window.base + start,
            end - start,
            kind,
            head,
            self,
            self._format,
            pieces,
            contents,
        )
        self._current = line
        return line

    def _settle(self, kind: str, start: int) -> None:
        """Decide about what stands in front of a good record: was it a tail, and is there a header."""
        if self._torn is not None:
            if kind != "header":
                raise self._refusal(self._torn, self._torn_line)
            self._note(self._torn)
            self._torn = None
        if not self._format and kind != "header":
            if self.mode != "skip":
                raise NotACassetteError(
                    f"{self.name}: not a cassette: its first line is no header. Its beginning may have been cut off: "
                    "the mode skip reads it nevertheless."
                )
            self._note(Damage(self._window.base + start, self._window.base + start, "the header line is missing"))
            self._format = FORMAT

    def _begin(self, head: dict[str, Any]) -> None:
        """Take a header line: a new run begins."""
        version = head.get("format")
        if type(version) is not int or version < 1:
            raise NotACassetteError(
                f"{self.name}, line {self._window.number}: not a cassette: `format` of its header is no version "
                "number. Give a file that a recorder wrote."
            )
        if version > FORMAT:
            raise CassetteNewerError(
                f"{self.name}, line {self._window.number}: the cassette has format {version}, and this release reads "
                f"formats up to {FORMAT}. Install a newer release of cassette-tools."
            )
        self._format = version
        self._owner = _owner(head)
        self.finished = False

    def _migrated(self, head: dict[str, Any], version: int) -> dict[str, Any]:
        for step in range(version, FORMAT):
            head = MIGRATIONS[step](head)
        return head

    # -- damage

    def _bad(self, start: int, end: int, reason: str, *, tail: bool) -> None:
        """Take note of what is no record: refuse it, list it, or wait whether it is a tail."""
        window = self._window
        damage = Damage(window.base + start, window.base + end, reason)
        begins_run = tail and _may_be_header(window.buffer, start, end)
        if self.mode == "skip":
            self._note(damage)
            return
        if self.mode == "strict" or not tail:
            raise self._refusal(damage, window.number)
        if not self._format and self._torn is None and not begins_run and reason != _NUL:
            raise self._refusal(damage, window.number)
        if self._torn is not None:
            if not begins_run and self._torn.end != damage.start:
                raise self._refusal(self._torn, self._torn_line)
            if begins_run:
                self._note(self._torn)
            else:
                damage = Damage(self._torn.start, damage.end, self._torn.reason)
        self._torn = damage
        self._torn_line = window.number

    def _note(self, damage: Damage) -> None:
        """List a damaged range, as a part of the one before where they touch."""
        last = self.damage[-1] if self.damage else None
        if last is not None and last.end in {damage.start, damage.start - 1} and damage.start != damage.end:
            self.damage[-1] = Damage(last.start, damage.end, last.reason)
        elif last is not None and len(self.damage) >= MAX_DAMAGE:
            self.damage[-1] = Damage(last.start, damage.end, "many damaged places, with whole lines between them")
        else:
            self.damage.append(damage)

    def _refusal(self, damage: Damage, number: int) -> BadCassetteError:
        """Make the error for damage that the mode does not take, or for a file that is something else altogether."""
        opening = self._window.opening
        if not self._format and not opening.lstrip(b"\0").startswith(MARK):
            return NotACassetteError(f"{self.name}: not a cassette: {_looks_like(opening)}")
        what = f"{damage.reason} ({damage.end - damage.start} bytes)"
        return CassetteDamagedError(
            f"{self.name}, line {number}, byte {damage.start}: {what}. The mode skip leaves the damaged ranges out and "
            "lists them."
        )

    def _finish(self) -> None:
        """Settle what is open at the end of the file."""
        if self._torn is not None:
            self._note(self._torn)
        if self._format:
            return
        opening = self._window.opening
        if _may_be_header(opening, 0, len(opening)) or (opening and not opening.strip(b"\0")):
            raise CassetteDamagedError(
                f"{self.name}, line 1, byte 0: the header line is torn and nothing was recorded after it. "
                "Delete the file and record again."
            )
        raise NotACassetteError(f"{self.name}: not a cassette: {_looks_like(opening)}")

    # -- bodies

    def load(self, line: Line) -> dict[str, Any]:
        """Parse a whole line, contents included. See `Line.load`."""
        parsed = _object(self._raw(line))
        if parsed is None or parsed.get("type") != line.type:
            raise self._spoiled(line, "the line cannot be parsed as a whole")
        return self._migrated(parsed, line.format) if line.format < FORMAT else parsed

    def again(
        self,
        number: int,
        offset: int,
        size: int,
        *,
        pieces: dict[str, Pieces] | None = None,
        version: int = FORMAT,
        contents: bool = False,
    ) -> Line:
        """Give an interaction's line once more, by what it said of itself: `number`, `offset`, `size`, `pieces`.

        Only for a source that can seek; lines may be asked for in any order, also while others are being read.
        `version` is that of its run (`Line.format`). With `contents` it brings its bodies along. Memory: the line,
        parsed so far. Raises CassetteDamagedError where the file is no
        longer what it was, CassetteReadError, UsageError.
        """
        line = Line(number, offset, size, "interaction", {}, self, version, pieces)
        if not self._source.seekable:
            raise self._gone(line)
        data = bytearray(self._source.at(offset, size))
        parse = partial(_parse, contents=True) if contents else partial(_head, kind="interaction")
        record = parse(data, 0, size) if len(data) == size else None
        if record is None or record[0] != "interaction":
            raise CassetteDamagedError(f"{line.where}, byte {offset}: the file has changed meanwhile. Try again.")
        line.contents = record[1].pop("bodies", None) if contents else None
        line.head = self._migrated(record[1], version) if version < FORMAT else record[1]
        return line

    def contents(self, line: Line) -> bytes:
        """Give the bytes of an interaction's line that hold the contents of its bodies, as they stand in the file.

        Two lines with the same bytes hold the same contents, whatever their descriptions say. It may be more bytes than
        that, up to the whole line. Raises what `load` raises.
        """
        if line is self._current:
            start, buffer = line.offset - self._window.base, self._window.buffer
            end = start + line.size
            if start >= 0 and end <= self._window.filled:
                cut = buffer.find(_BODIES, start, end)
                return bytes(buffer[start if cut < 0 else cut : end])
        return _contents_of(self._raw(line))

    def contents_at(self, offset: int, size: int) -> bytes:
        """Give what `contents` gave of a line, by what the line said of itself. Only for a source that can seek.

        What lies there now is not looked at. Raises CassetteReadError, UsageError.
        """
        return _contents_of(self._source.at(offset, size))

    def _raw(self, line: Line) -> bytes:
        if line is self._current:
            start = line.offset - self._window.base
            if start >= 0 and start + line.size <= self._window.filled:
                return bytes(self._window.buffer[start : start + line.size])
        if not self._source.seekable:
            raise self._gone(line)
        return self._source.at(line.offset, line.size)

    def _gone(self, line: Line) -> UsageError:
        return UsageError(
            f"{line.where}: the stream has gone on and cannot be read again. Take a line's content before the "
            "next line, or read the cassette from a file."
        )

    def body(self, line: Line, part: Part) -> Iterator[bytes]:
        """Yield the stored bytes of a body of an interaction, piece by piece; nothing where there is none.

        Memory: one piece, or the line that holds the body. The mode strict compares size and digest at the end.
        Pieces marked raw come as they are: see `coding_error` in `docs/format.md`. Of a stream that cannot seek only
        the line at hand has bodies. Raises CassetteDamagedError when the content is not what the line says,
        CassetteReadError, UsageError.
        """
        if line.type != "interaction":
            raise UsageError(f"{line.where}: only an interaction has bodies, and this is another line.")
        if part not in {"request", "response"}:
            raise UsageError(f"{part!r} is no part of an interaction. Use request or response.")
        exchange = line.head.get(part)
        described = exchange.get("body") if isinstance(exchange, dict) else None
        if described is None:
            return
        if not isinstance(described, dict):
            raise self._spoiled(line, f"`{part}.body` is no object")
        pieces = described.get("pieces")
        stored = self._inline(line, part, described) if pieces is None else self._in_pieces(line, part, pieces)
        if self.mode == "strict":
            stored = self._checked(stored, line, part, described)
        yield from stored

    def _inline(self, line: Line, part: str, described: dict[str, Any]) -> Iterator[bytes]:
        bodies = self.load(line).get("bodies")
        content = bodies.get(part) if isinstance(bodies, dict) else None
        if content is None and described.get("size") == 0:
            return
        data = _content(content)
        if data is None:
            raise self._spoiled(line, f"the content of the {part}'s body is missing or garbled")
        yield data

    def _in_pieces(self, line: Line, part: str, count: object) -> Iterator[bytes]:
        if type(count) is not int or count < 0:
            raise self._spoiled(line, f"`{part}.body.pieces` is no number")
        found = (line.pieces or {}).get(part) or Pieces()
        if found.gap is not None:
            raise self._spoiled(line, f"the {part}'s body lines are out of order: {found.gap}")
        read = len(found.offsets)
        if count != read:
            raise self._spoiled(line, f"{count} body lines should hold the {part}'s body, and {read} were read")
        for number, (offset, size) in enumerate(zip(found.offsets, found.sizes, strict=True)):
            record = _object(self._stored(line, offset, size))
            data = _content(record)
            if record is None or data is None or (record.get("of"), record.get("part")) != (line.head.get("id"), part):
                raise self._spoiled(line, f"piece {number} of the {part}'s body is garbled")
            yield data

    def _stored(self, line: Line, offset: int, size: int) -> bytes:
        """Read a body line again."""
        if self._source.seekable:
            return self._source.at(offset, size)
        if line is not self._current:
            raise self._gone(line)
        return self._spool.at(offset, size)

    def _checked(self, stored: Iterator[bytes], line: Line, part: str, described: dict[str, Any]) -> Iterator[bytes]:
        size = 0
        digest = hashlib.sha256()
        for data in stored:
            size += len(data)
            digest.update(data)
            yield data
        if size != described.get("size"):
            raise self._spoiled(line, f"the {part}'s body has {size} bytes, and its description says another number")
        if (stated := described.get("sha256")) is not None and stated != digest.hexdigest():
            raise self._spoiled(line, f"the {part}'s body has another digest than its description says")

    def _spoiled(self, line: Line, reason: str) -> CassetteDamagedError:
        return CassetteDamagedError(
            f"{line.where}, byte {line.offset}: {reason}. Record again, or leave this interaction out."
        )

    # -- where pieces are

    def _index(self, head: dict[str, Any], start: int, end: int) -> None:
        """Remember where a piece is, until its interaction comes."""
        of, part = head.get("of"), head.get("part")
        if type(of) is not str or type(part) is not str or part not in {"request", "response"}:
            if self.mode == "strict":
                self._bad(start, end, "the body line does not say to what it belongs", tail=False)
            return
        if not self._source.seekable:
            if not self._pending:
                self._spool.clear()
            offset = self._spool.add(self._window.buffer[start:end])
        else:
            offset = self._window.base + start
        bodies = self._pending.get(of)
        if bodies is None:
            bodies = self._pending[of] = {}
        if part not in bodies:
            bodies[part] = Pieces()
        bodies[part].add(head.get("piece"), offset, end - start)
        self._pieces += 1
        while len(self._pending) > MAX_PENDING_BODIES or (self._pieces > MAX_PENDING_PIECES and self._pending):
            self._forget(self._pending.popitem(last=False)[1])

    def _claim(self, of: object) -> dict[str, Pieces] | None:
        """Take out what is remembered for an interaction that has come."""
        bodies = self._pending.pop(of, None) if type(of) is str else None
        if bodies is not None:
            self._forget(bodies)
        return bodies

    def _forget(self, bodies: dict[str, Pieces]) -> None:
        self._pieces -= sum(len(pieces.offsets) for pieces in bodies.values())


# -- one record


def _sniff(buffer: bytearray, start: int, end: int) -> str | None:
    """Tell the type of a line that begins and ends as a record does. None: look closer."""
    if not buffer.startswith(MARK, start, end) or not buffer.endswith(_ENDINGS, start, end):
        return None
    after = start + len(MARK)
    quote = buffer.find(b'"', after, min(end, after + _LONGEST_TYPE))
    if quote < 0:
        return None
    name = bytes(buffer[after:quote])
    kind = _KINDS.get(name)
    if kind is None and name.isascii() and b"\\" not in name:
        kind = name.decode()
    return kind


def _head(buffer: bytearray, start: int, end: int, kind: str) -> tuple[str, dict[str, Any]] | None:
    """Parse a record without the contents of its bodies. None when it is no record."""
    cut = _content_at(buffer, start, end, kind) if end - start > _SHORT else -1
    if cut > 0:
        prefix = buffer[start:cut]
        prefix.append(_BRACE)
        head = _object(prefix)
        if head is not None and head.get("type") == kind:
            return kind, head
    return _parse(buffer, start, end)


def _content_at(buffer: bytearray, start: int, end: int, kind: str) -> int:
    """Find the comma in front of the contents of a record that is whole as far as can be told. -1: parse it whole."""
    if kind == "interaction":
        cut = buffer.find(_BODIES, start, end)
        closing = b'"}}}'
    elif kind == "body":
        near = min(end, start + _NEAR)
        cut = buffer.find(_TEXT, start, near)
        if cut < 0:
            cut = buffer.find(_BASE64, start, near)
        closing = b'"}'
    else:
        return -1
    if cut < 0 or not _closed(buffer, cut, end, closing) or buffer.find(MARK, cut, end) >= 0:
        return -1
    return cut


def _closed(buffer: bytearray, start: int, end: int, closing: bytes) -> bool:
    """Tell whether the range ends with `closing`, whose first byte is a quote that ends a string.

    An escaped quote does not, nor one that begins a string: that one has a colon in front. (So may one that ends a
    string; then the line is parsed whole.)
    """
    if buffer[end - 1] == _RETURN:
        end -= 1
    if not buffer.endswith(closing, start, end):
        return False
    quote = end - len(closing)
    before = quote
    while before > start and buffer[before - 1] == _BACKSLASH:
        before -= 1
    return (quote - before) % 2 == 0 and buffer[quote - 1] != _COLON


def _parse(buffer: bytearray, start: int, end: int, *, contents: bool = False) -> tuple[str, dict[str, Any]] | None:
    """Parse a whole record, then leave the contents of bodies out. None when it is no object with a type.

    With `contents` those of an interaction stay.
    """
    if end - start <= _SHORT:
        record = _object(buffer[start:end])
    else:
        with memoryview(buffer) as view, view[start:end] as part:
            record = _object(part)
    kind = record.get("type") if record is not None else None
    if record is None or type(kind) is not str:
        return None
    if kind == "interaction":
        if not contents:
            record.pop("bodies", None)
    elif kind == "body":
        record.pop("text", None)
        record.pop("base64", None)
    return kind, record


def _contents_of(raw: bytes) -> bytes:
    return raw[max(raw.find(_BODIES), 0) :]


def _object(data: bytes | bytearray | memoryview) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict else None


def _owner(head: dict[str, Any]) -> tuple[str, str] | None:
    """Give the run and the process of a header or end line, if it names them."""
    run, process = head.get("run"), head.get("process")
    return (run, process) if type(run) is str and type(process) is str else None


def _content(holder: object) -> bytes | None:
    """Give the bytes of `{"text": ...}` or `{"base64": ...}`; None when it is neither or both."""
    if not isinstance(holder, dict):
        return None
    text, encoded = holder.get("text"), holder.get("base64")
    if type(text) is str and encoded is None:
        return text.encode()
    if type(encoded) is str and text is None:
        try:
            return binascii.a2b_base64(encoded, strict_mode=True)
        except ValueError:
            return None
    return None


def _split(buffer: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a range in front of each mark of a record."""
    while start < end:
        cut = buffer.find(MARK, start + 1, end)
        if cut < 0:
            cut = end
        yield start, cut
        start = cut


def _reason(buffer: bytearray, start: int, end: int, *, ended: bool) -> str:
    if buffer.count(0, start, end) == end - start:
        return _NUL
    if not buffer.startswith(MARK, start, end):
        return "the line is no record"
    return "the record is garbled" if ended else "the record is torn"


def _may_be_header(data: bytes | bytearray, start: int, end: int) -> bool:
    """Tell whether a torn record may have been a header line."""
    beginning = bytes(data[start : min(end, start + len(_HEADER))]).rstrip(b"\0 \t\r\n")
    return beginning != b"" and _HEADER.startswith(beginning)


# -- what is not a cassette

_MAGIC: Final = (
    (b"\x1f\x8b", "it is a gzip file. Unpack it first: ctools convert FILE --to jsonl"),
    (b"\x28\xb5\x2f\xfd", "it is a zstandard file. Unpack it first: ctools convert FILE --to jsonl"),
    (b"BZh", "it is a bzip2 file. Unpack it first."),
    (b"\xfd7zXZ", "it is an xz file. Unpack it first."),
    (b"PK\x03\x04", "it is a zip archive. Unpack it first."),
    (b"SQLite format 3", "it is an SQLite database."),
    (b"\xff\xfe", "it is UTF-16 text. A cassette is UTF-8."),
    (b"\xfe\xff", "it is UTF-16 text. A cassette is UTF-8."),
)
_ADVICE: Final = "Give a file that `ctools record` or `recorder.record` wrote."
_CONVERT: Final = "Convert it first: ctools convert FILE --to jsonl"


def _looks_like(opening: bytes) -> str:
    """Say what a file may be that is no cassette, from its first bytes, and what to do."""
    for magic, said in _MAGIC:
        if opening.startswith(magic):
            return said
    text = opening.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text:
        return f"it is empty. {_ADVICE}"
    if b"\0" in text:
        return f"it is binary data. {_ADVICE}"
    for said, found, advice in (
        ("HTML", text.startswith((b"<!doctype html", b"<html")), _ADVICE),
        ("XML", text.startswith(b"<"), _ADVICE),
        ("a HAR document", text.startswith(b"{") and b'"log"' in text[:64], _CONVERT),
        ("a JSON cassette of another recorder", text.startswith(b"{") and b'interactions"' in text, _CONVERT),
        ("JSON of another kind", text.startswith((b"{", b"[")), _ADVICE),
        ("a YAML cassette, as vcrpy writes it", b"interactions:" in text, _CONVERT),
    ):
        if found:
            return f"it looks like {said}. {advice}"
    return f"its first line is no header. {_ADVICE}"
