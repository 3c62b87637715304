"""Files of cassettes as pieces, each of which can be looked at by itself.

Law: every byte of a file is in a piece. A cassette of lines is cut at its line feeds, one of YAML at the items of its
list; another document is one piece. A gzip or zstd file is unpacked on the way.

Memory: a piece is about PIECE bytes; a document, a line or an item is one piece up to LARGEST bytes. What is larger
comes in windows of PIECE bytes, which overlap by OVERLAP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from recorder.coding import CodingError, open_decoder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import BinaryIO

__all__ = ["INTERACTION", "LARGEST", "MOST_UNPACKED", "OVERLAP", "PIECE", "Bytes", "Cut", "Piece", "cut"]

PIECE: Final = 1 << 20
LARGEST: Final = 64 << 20
OVERLAP: Final = 64 << 10
MOST_UNPACKED: Final = 1 << 30
"""Bytes that a compressed cassette may grow to. One that grows beyond is trouble."""
INTERACTION: Final = b'{"type":"interaction"'
"""Begins the line of an interaction in a cassette of this toolkit."""


class Piece(NamedTuple):
    """A part of a file to look at: `lines`, `json`, `yaml`, or a `window` of anything.

    The first `offset` bytes of `data` are not of the file; `line` and `column` are those of the byte behind them.
    """

    data: bytes
    kind: str  # "lines", "json", "yaml", "window"
    line: int
    column: int = 1
    offset: int = 0
    interactions: int = 0
    fresh: int = 0  # in a window: what begins before this began in the one before


class Bytes:
    """The bytes of a file, unpacked where it is a gzip or zstd file. `count` of them were given so far."""

    def __init__(self, file: BinaryIO) -> None:
        self.count = 0
        self._file = file
        self._ended = False
        head = file.read(4)
        coding = "gzip" if head[:2] == b"\x1f\x8b" else "zstd" if head == b"\x28\xb5\x2f\xfd" else None
        self._decoder = None if coding is None else open_decoder([coding])
        self._parts = iter([head] if self._decoder is None else self._decoder.feed(head))

    def read(self, least: int) -> bytes:
        """Give `least` bytes or somewhat more; fewer only at the end. Raises OSError, CodingError."""
        out: list[bytes] = []
        size = 0
        while size < least:
            part = next(self._parts, None)
            if part is not None:
                out.append(part)
                size += len(part)
                continue
            if self._ended:
                break
            raw = self._file.read(min(max(least - size, 1 << 16), PIECE))
            if not raw:
                self._ended = True
                if self._decoder is not None:
                    self._decoder.finish()
                continue
            self._parts = iter([raw] if self._decoder is None else self._decoder.feed(raw))
        self.count += size
        if self._decoder is not None and self.count > MOST_UNPACKED:
            raise CodingError(f"it grows beyond {MOST_UNPACKED >> 20} MiB")
        return b"".join(out)


class Cut(NamedTuple):
    """A file as pieces."""

    pieces: Iterator[Piece]
    is_cassette: bool
    ours: bool = False


_SNIFF: Final = 1 << 16
_OURS: Final = re.compile(rb'\{"type":"(?:header|process|interaction|body|diagnosis|end)"')
_JSON_CASSETTE: Final = re.compile(rb'"(?:http_)?interactions"\s*:\s*\[|"entries"\s*:\s*\[')
_HAR_LOG: Final = re.compile(rb'"log"\s*:\s*\{')
_YAML_CASSETTE: Final = re.compile(
    rb"(?:^|\n)[\"']?(?:http_)?interactions[\"']?:|(?:^|\n)- request:|(?:^|\n)- response:"
)
_ITEM_START: Final = re.compile(rb"(?:^|\n)[\"']?((?:http_)?interactions)[\"']?:[ \t]*(?:#[^\n]*)?\r?\n([ ]*)- ")


def cut(bytes_: Bytes) -> Cut | None:
    """Tell what a file is, and cut it into pieces. None for an empty one."""
    head = bytes_.read(_SNIFF)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _wide(bytes_, head)
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not bare:
        return None
    if bare[:1] not in (b"{", b"["):
        return _yaml(bytes_, head)
    if _OURS.match(bare):
        return Cut(_lines(bytes_, head), is_cassette=True, ours=True)
    if _is_lines(bare):
        return Cut(_lines(bytes_, head), is_cassette=_JSON_CASSETTE.search(head) is not None or b'"request"' in head)
    return _document(bytes_, head)


def _is_lines(head: bytes) -> bool:
    """Tell whether the first line is a whole document, and another one follows."""
    line, feed, rest = head.partition(b"\n")
    if not feed or rest.lstrip()[:1] != b"{":
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _wide(bytes_: Bytes, head: bytes) -> Cut:
    """Take a file in UTF-16, as Windows tools write them."""
    data = head + bytes_.read(LARGEST)
    text = data[: len(data) // 2 * 2].decode("utf-16", "replace").encode("utf-8")
    is_json = text.lstrip()[:1] in (b"{", b"[")
    kind = "window" if len(data) > LARGEST else "json" if is_json else "yaml"
    is_cassette = (_JSON_CASSETTE if is_json else _YAML_CASSETTE).search(text) is not None
    return Cut(iter([Piece(text, kind, 1)]), is_cassette)


def _document(bytes_: Bytes, head: bytes) -> Cut:
    data = head + bytes_.read(LARGEST - len(head) + 1)
    if len(data) > LARGEST:
        return Cut(_windows(bytes_, data, 1), is_cassette=_is_json_cassette(data))
    return Cut(iter([Piece(data, "json", 1)]), _is_json_cassette(data))


def _is_json_cassette(data: bytes) -> bool:
    found = _JSON_CASSETTE.search(data)
    return found is not None and (b"interactions" in found[0] or _HAR_LOG.search(data, 0, found.start()) is not None)


def _lines(bytes_: Bytes, data: bytes) -> Iterator[Piece]:
    """Cut at line feeds. A line beyond LARGEST comes in windows."""
    number, interactions = 1, 0
    more = data
    while more or data:
        more = bytes_.read(PIECE)
        data += more
        end = data.rfind(b"\n") + 1 if more else len(data)
        if end:
            yield Piece(data[:end], "lines", number, interactions=interactions)
            number += data.count(b"\n", 0, end)
            interactions += data.count(INTERACTION, 0, end)
            data = data[end:]
        elif len(data) > LARGEST:
            data = yield from _long_line(bytes_, data, number)
            number += 1


def _long_line(bytes_: Bytes, data: bytes, number: int) -> Generator[Piece, None, bytes]:
    """Give a line in windows, up to its end; return what was read behind it."""
    column, fresh = 1, 0
    while True:
        while len(data) <= PIECE and (more := bytes_.read(PIECE)):
            data += more
        end = data.find(b"\n", fresh, PIECE)
        if end >= 0 or len(data) <= PIECE:
            last = data if end < 0 else data[:end]
            yield Piece(last, "window", number, column, fresh=fresh)
            return b"" if end < 0 else data[end + 1 :]
        yield Piece(data[:PIECE], "window", number, column, fresh=fresh)
        gone = PIECE - OVERLAP
        column += len(data[:gone].decode("utf-8", "ignore"))
        data, fresh = data[gone:], OVERLAP


def _windows(bytes_: Bytes, data: bytes, line: int) -> Iterator[Piece]:
    """Cut into windows that overlap."""
    column, fresh = 1, 0
    while True:
        while len(data) <= PIECE and (more := bytes_.read(PIECE)):
            data += more
        window = data[:PIECE]
        yield Piece(window, "window", line, column, fresh=fresh)
        if len(data) <= PIECE:
            return
        gone = PIECE - OVERLAP
        feeds = window.count(b"\n", 0, gone)
        line += feeds
        rest = window[window.rfind(b"\n", 0, gone) + 1 : gone] if feeds else window[:gone]
        column = (1 if feeds else column) + len(rest.decode("utf-8", "ignore"))
        data, fresh = data[gone:], OVERLAP


def _yaml(bytes_: Bytes, data: bytes) -> Cut:
    """Cut a YAML cassette at its items; another YAML file is one piece."""
    start = _ITEM_START.search(data)
    if start is not None:
        return Cut(_items(bytes_, data, start[1], start[2]), is_cassette=True)
    data += bytes_.read(max(LARGEST - len(data) + 1, 0))
    is_cassette = _YAML_CASSETTE.search(data) is not None
    if len(data) > LARGEST:
        return Cut(_windows(bytes_, data, 1), is_cassette)
    return Cut(iter([Piece(data, "yaml", 1)]), is_cassette)


def _items(bytes_: Bytes, data: bytes, key: bytes, indent: bytes) -> Iterator[Piece]:
    """Cut at the items of the list under `key`; each piece but the first gets the key in front, to be a document.

    An alias to what stands in an earlier piece says nothing: its node was looked at there.
    """
    boundary = b"\n" + indent + b"- "
    opening = key + b":\n"
    line, offset, items = 1, 0, 0
    more = data
    while more:
        more = bytes_.read(PIECE)
        data += more
        end = data.rfind(boundary, offset) + 1 if more else len(data)
        if end > offset:
            yield Piece(data[:end], "yaml", line, offset=offset, interactions=items)
            line += data.count(b"\n", offset, end)
            items += data.count(boundary, max(offset - 1, 0), end)
            data, offset = opening + data[end:], len(opening)
        elif len(data) > LARGEST:
            yield from _windows(bytes_, data[offset:], line)
            return
