"""Redacts the lines of one block of a cassette.

Law: each line keeps its place, and a line in which nothing is found keeps its bytes. A body in pieces is followed
through its lines: what straddles two pieces is found, the replacement goes to the piece in which it begins, and the
interaction's line gets the new size and digest. What cannot be parsed is never passed on: it is an error. Memory: the
line at hand a few times, and for each body in pieces that is open what the engine holds back and the pieces read ahead
(AHEAD bytes of them are kept for all bodies; more are read twice).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import orjson

from cassette_tools.blocks import Opening, Part, Pieces, bodies_in, chunks, lines_in, opening_of, read_at
from recorder.errors import CassetteDamagedError
from recorder.redact.engine import StreamedBody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cassette_tools.blocks import Block
    from recorder.redact.engine import Finding
    from recorder.redact.stream import Edit

__all__ = ["AHEAD", "Found", "Redacted", "Redacting", "Streaming", "redacted"]

AHEAD: Final = 16 << 20
"""Bytes of pieces that are kept after they were read ahead, for all bodies of a block together."""

_BOM: Final = b"\xef\xbb\xbf"
_ORDINARY: Final = b'{"type":"interaction",'
_BODY_LINE: Final = re.compile(
    rb'\{"type":"body","of":"[0-9a-zA-Z_-]+","part":"(?:request|response)","piece":[0-9]+,"(text|base64)":"'
)
_BODY_ENDS: Final = (b'"}', b'","raw":true}')
_CONTENT_KEYS: Final = frozenset({"text", "base64"})
_BODY_KEYS: Final = _CONTENT_KEYS | {"type", "of", "part", "piece", "raw"}


class Streaming(Protocol):
    """A body that is redacted as a stream: see `recorder.redact.stream.BodyStream`."""

    @property
    def settled(self) -> int:
        """The offset in what came in up to which no further edit begins."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found; complete after `end`."""

    def scan(self, data: bytes, /) -> Iterable[Edit]:
        """Take the next bytes; give the edits that are certain by now, in ascending order."""

    def end(self) -> Iterable[Edit]:
        """Give the last edits."""


class Redacting(Protocol):
    """What is needed of the engine: see `recorder.redact.engine.Redactor`."""

    @property
    def unproven(self) -> tuple[str, ...]:
        """Known values that cannot be proved gone, by source and reason."""

    def redact_line(
        self, line: bytes, /, *, pieces: Mapping[Part, StreamedBody] | None = None
    ) -> tuple[bytes, Sequence[Finding]]:
        """Redact a line; `pieces` tells of its bodies in pieces that were changed. Raises ValueError."""

    def is_settled(self, data: bytes, /) -> bool:
        """Tell quickly that lines which were redacted before hold no known value."""

    def open_stream(self, part: Part, headers: Any, url: str | None, /) -> Streaming:  # noqa: ANN401 - pairs, or None
        """Begin with a body in pieces."""

    def learned(self) -> frozenset[str]:
        """Give the values that were found by their places."""

    def learn(self, values: Iterable[str], /) -> None:
        """Take over what others have learned."""


class Found(NamedTuple):
    """The findings of one line. `interaction` is its position among the interactions, from 1; 0 for another line."""

    line: int
    interaction: int
    id: str | None
    findings: tuple[Finding, ...]


class Redacted(NamedTuple):
    """A line, or several: `size` bytes of the source, and what takes their place. None: they stay as they are."""

    size: int
    data: bytes | None
    found: Found | None = None


def redacted(redactor: Redacting, block: Block, descriptor: int, *, name: str) -> Iterator[Redacted]:
    """Redact a block of the open file `descriptor`, line by line. The sizes add up to the block's.

    Raises CassetteDamagedError for what cannot be parsed, CassetteReadError.
    """
    if block.bodies:
        return _with_bodies(redactor, block, descriptor, name)
    return _plain(redactor, block, descriptor, name)


def _plain(redactor: Redacting, block: Block, descriptor: int, name: str) -> Iterator[Redacted]:
    """Redact lines of which none is a body line: the quick way."""
    redact = redactor.redact_line
    number, interactions = block.line, block.interactions
    for offset, data, size in chunks(descriptor, block.offset, block.offset + block.size, name):
        if block.again and redactor.is_settled(data[:size]):
            number += data.count(b"\n", 0, size)
            interactions += data.count(_ORDINARY, 0, size)
            yield Redacted(size, None)
            continue
        waiting = 0  # bytes of lines that stay as they are
        for start, stop, after in lines_in(data, size):
            line = data[start:stop]
            if not line.startswith(_ORDINARY):
                line = line.removeprefix(_BOM)
            try:
                done = not line or (block.again and line.startswith(_ORDINARY) and redactor.is_settled(line))
                new, findings = (line, ()) if done else redact(line)
            except ValueError as error:
                raise _garbled(name, number, offset + start) from error
            is_interaction = line.startswith(_ORDINARY) or _type(line) == "interaction"
            interactions += is_interaction
            if findings or new != line:
                if waiting:
                    yield Redacted(waiting, None)
                    waiting = 0
                found = _found(number, interactions if is_interaction else 0, line, findings)
                whole = None if new == line else data[start : stop - len(line)] + new + data[stop:after]
                yield Redacted(after - start, whole, found)
            else:
                waiting += after - start
            number += 1
        if waiting:
            yield Redacted(waiting, None)


def _with_bodies(redactor: Redacting, block: Block, descriptor: int, name: str) -> Iterator[Redacted]:
    """Redact lines among which are those of bodies in pieces. Reads them twice."""
    walk = _Walk(redactor, bodies_in(_openings(block, descriptor, name), name), descriptor, name)
    number, interactions = block.line, block.interactions
    for start, stop, is_hole in _ranges(block):
        if is_hole:
            yield Redacted(stop - start, b"")
            continue
        for offset, data, size in chunks(descriptor, start, stop, name):
            for begin, end, after in lines_in(data, size):
                line = data[begin:end]
                opening = opening_of(data, begin, end) if begin < end else None
                is_interaction = opening is not None and opening.type == "interaction"
                interactions += is_interaction
                new, findings = walk.line(line, opening, offset + begin, number)
                found = _found(number, interactions if is_interaction else 0, line, findings)
                yield Redacted(after - begin, None if new is None else new + data[end:after], found)
                number += 1


def _ranges(block: Block) -> Iterator[tuple[int, int, bool]]:
    """Give the parts of a block (start, end), and whether it is a hole."""
    at = block.offset
    for start, stop in block.holes:
        yield at, start, False
        yield start, stop, True
        at = stop
    yield at, block.offset + block.size, False


def _openings(block: Block, descriptor: int, name: str) -> Iterator[tuple[int, int, Opening | None]]:
    for first, last, is_hole in _ranges(block):
        for offset, data, size in () if is_hole else chunks(descriptor, first, last, name):
            for start, stop, _ in lines_in(data, size):
                if start < stop:
                    yield offset + start, stop - start, opening_of(data, start, stop)


def _found(number: int, interaction: int, line: bytes, findings: Sequence[Finding]) -> Found | None:
    if not findings:
        return None
    opening = opening_of(line, 0, len(line))
    return Found(number, interaction, opening.id if opening is not None else None, tuple(findings))


def _type(line: bytes) -> str | None:
    opening = opening_of(line, 0, len(line))
    return opening.type if opening is not None else None


class _Walk:
    """Goes through the lines of a block that has bodies in pieces."""

    def __init__(self, redactor: Redacting, bodies: dict[int, Pieces], descriptor: int, name: str) -> None:
        self._redactor = redactor
        self._bodies = bodies
        self._name = name
        self._descriptor = descriptor
        self._open: dict[tuple[str | None, Part], _Body] = {}
        self._changed: dict[str, dict[Part, StreamedBody]] = {}
        self._room = [AHEAD]

    def line(
        self, line: bytes, opening: Opening | None, offset: int, number: int
    ) -> tuple[bytes | None, Sequence[Finding]]:
        """Redact one line. None in place of bytes: it stays as it is."""
        try:
            if opening is not None and opening.type == "body":
                return self._piece(line, opening, offset)
            bare = line.removeprefix(_BOM)
            if not bare:
                return None, ()
            pieces = self._changed.pop(opening.id, None) if opening is not None and opening.id is not None else None
            new, findings = self._redactor.redact_line(bare, pieces=pieces)
        except ValueError as error:
            raise _garbled(self._name, number, offset) from error
        return (None if new == bare else line[: len(line) - len(bare)] + new), findings

    def _piece(self, line: bytes, opening: Opening, offset: int) -> tuple[bytes | None, Sequence[Finding]]:
        key = (opening.id, opening.part or "response")
        if (pieces := self._bodies.pop(offset, None)) is not None:
            self._open[key] = _Body(pieces, self._stream(pieces), self._read, self._room)
        body = self._open[key]
        new, strange = body.next(line)
        if strange and (other := self._strange(line)) is not None:
            line, new = other, new if new is not None else _content(line)[0]
        if new is not None:
            new = _with_content(line, new)
        if not body.is_through:
            return new, ()
        del self._open[key]
        result = body.result()
        if result is None:
            return new, ()
        if body.pieces.head is None or opening.id is None:
            return new, result.findings  # its interaction never came: its run was killed
        self._changed.setdefault(opening.id, {})[key[1]] = result
        return new, ()

    def _strange(self, line: bytes) -> bytes | None:
        """Redact what a body line of another writer says besides what belongs there. None: nothing was found."""
        said = orjson.loads(line)
        content = {key: said.pop(key) for key in _CONTENT_KEYS & said.keys()}
        rest = orjson.dumps(said)
        new, _ = self._redactor.redact_line(rest)
        return orjson.dumps(orjson.loads(new) | content) if new != rest else None

    def _read(self, offset: int, size: int) -> bytes:
        return read_at(self._descriptor, offset, size, self._name)

    def _stream(self, pieces: Pieces) -> Streaming:
        if pieces.head is None:
            return self._redactor.open_stream(pieces.part, None, None)
        said = orjson.loads(self._read(*pieces.head))
        message = said.get(pieces.part) if isinstance(said, dict) else None
        request = said.get("request") if isinstance(said, dict) else None
        headers = message.get("headers") if isinstance(message, dict) else None
        url = request.get("url") if isinstance(request, dict) else None
        return self._redactor.open_stream(
            pieces.part, headers if isinstance(headers, list) else None, url if isinstance(url, str) else None
        )


class _Body:
    """One body in pieces, on its way through the engine."""

    def __init__(self, pieces: Pieces, stream: Streaming, read: Callable[[int, int], bytes], room: list[int]) -> None:
        self.pieces = pieces
        self._stream = stream
        self._read = read
        self._room = room  # shared by all bodies of a block
        self._at = 0  # the piece that comes next
        self._base = 0  # where it begins in the body
        self._fed = 0  # pieces
        self._settled = 0
        self._ended = False
        self._kept: dict[int, tuple[bytes, bool]] = {}
        self._edits: deque[Edit] = deque()
        self._changed = False
        self._size = 0
        self._digest = hashlib.sha256()

    @property
    def is_through(self) -> bool:
        return self._at == len(self.pieces.offsets)

    def next(self, line: bytes) -> tuple[bytes | None, bool]:
        """Give the new content of the next piece, whose line this is, and whether the line says more than it should.

        None in place of content: it is as it was.
        """
        if self._at in self._kept:
            data, strange = self._kept.pop(self._at)
            self._room[0] += len(data)
        else:
            data, strange = _content(line)
        if self._fed == self._at:
            self._feed(data)
        end = self._base + len(data)
        while self._settled < end and self._fed < len(self.pieces.offsets):
            self._feed_ahead()
        self._at += 1
        if not self._ended and (self.is_through or self._settled < end):
            self._ended = True
            self._edits.extend(self._stream.end())
        new = self._edited(data, end)
        self._base = end
        self._size += len(new)
        self._digest.update(new)
        return (new if new is not data else None), strange

    def result(self) -> StreamedBody | None:
        """Tell what the body is now. None: what it was."""
        findings = tuple(self._stream.findings)
        if not self._changed and not findings:
            return None
        return StreamedBody(self._size, self._digest.hexdigest(), findings)

    def _feed(self, data: bytes) -> None:
        self._edits.extend(self._stream.scan(data))
        self._settled = self._stream.settled
        self._fed += 1

    def _feed_ahead(self) -> None:
        number = self._fed
        data, strange = _content(self._read(self.pieces.offsets[number], self.pieces.sizes[number]))
        self._feed(data)
        if self._room[0] >= len(data):
            self._room[0] -= len(data)
            self._kept[number] = data, strange

    def _edited(self, data: bytes, end: int) -> bytes:
        """Apply the edits that touch the piece at hand. The part of a span that lies in later pieces goes there."""
        parts: list[bytes] = []
        done = self._base
        while self._edits and (self._edits[0][0] < end or (self.is_through and self._edits[0][0] == end)):
            start, stop, replacement = self._edits.popleft()
            self._changed = True
            parts.append(data[done - self._base : start - self._base])
            parts.append(replacement)
            if stop > end:
                self._edits.appendleft((end, stop, b""))
                stop = end
            done = stop
        if not parts:
            return data
        parts.append(data[done - self._base :])
        new = b"".join(parts)
        return data if new == data else new


# -- body lines


def _content(line: bytes) -> tuple[bytes, bool]:
    """Give the bytes that a body line holds, and whether it says more than it should. Raises ValueError."""
    said = orjson.loads(line)
    strange = not said.keys() <= _BODY_KEYS
    text, encoded = said.get("text"), said.get("base64")
    if isinstance(text, str) and encoded is None:
        return text.encode(), strange
    if isinstance(encoded, str) and text is None:
        return binascii.a2b_base64(encoded, strict_mode=True), strange
    raise ValueError("a body line without content")


def _with_content(line: bytes, content: bytes) -> bytes:
    """Put other content into a body line: text where it is strictly UTF-8, else base64."""
    try:
        key, value = b"text", orjson.dumps(content.decode())
    except UnicodeDecodeError:
        key, value = b"base64", b'"' + base64.b64encode(content) + b'"'
    match = _BODY_LINE.match(line)
    for ending in _BODY_ENDS:
        if match is not None and line.endswith(ending):
            return line[: match.start(1)] + key + b'":' + value + ending[1:]
    # Another writer's line, of other spaces or another order: it is put together anew.
    said = orjson.loads(line)
    rest = orjson.dumps({name: one for name, one in said.items() if name not in _CONTENT_KEYS})
    return rest[:-1] + b',"' + key + b'":' + value + b"}"


def _garbled(name: str, number: int, offset: int) -> CassetteDamagedError:
    return CassetteDamagedError(
        f"{name}, line {number}, byte {offset}: the record is garbled, and cannot be redacted. Record again, or take "
        "the line out."
    )
