"""Files of cassettes as pieces, each of which can be looked at by itself.

Law: every byte of a file is in a piece. A cassette of lines is cut at its line feeds, one of YAML at the items of its
list, flows of mitmproxy where one ends; another document is one piece. A gzip or zstd file is unpacked on the way.

Memory: a piece is about PIECE bytes; a document, a line, a flow or an item is one piece up to LARGEST bytes. What is
larger comes in windows of PIECE bytes, which overlap by OVERLAP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from cassette_tools.flow_document import is_http, is_start_of_flows, size_of, starts_of
from cassette_tools.toml_document import is_toml_cassette
from recorder.coding import CodingError, open_decoder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import BinaryIO

__all__ = ["LARGEST", "MOST_UNPACKED", "OVERLAP", "PIECE", "Bytes", "Cut", "Piece", "count_interactions", "cut"]

PIECE: Final = 1 << 20
LARGEST: Final = 64 << 20
OVERLAP: Final = 64 << 10
MOST_UNPACKED: Final = 1 << 30
"""Bytes that a compressed cassette may grow to. One that grows beyond is trouble."""
_INTERACTION: Final = b'{"type":"interaction"'
"""Begins the line of an interaction in a cassette of this toolkit."""
_FOREIGN: Final = b'{"request":'
"""Begins each line of what a recording of keboola.vcr leaves that was killed."""


class Piece(NamedTuple):
    """A part of a file to look at: `lines`, `json`, `yaml`, `toml`, `flows`, or a `window` of anything.

    The first `offset` bytes of `data` are not of the file; `line` and `column` are those of the byte behind them.
    `interactions` stand in the pieces before; in lines each begins with `mark`.
    """

    data: bytes
    kind: str  # "lines", "json", "yaml", "toml", "flows", "window"
    line: int
    column: int = 1
    offset: int = 0
    interactions: int = 0
    fresh: int = 0  # in a window: what begins before this began in the one before
    mark: bytes = _INTERACTION


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
    if is_start_of_flows(head):
        return Cut(_flows(bytes_, head), is_cassette=True)
    if is_toml_cassette(head):
        return _whole(bytes_, head, "toml", is_cassette=True)
    if bare[:1] not in (b"{", b"["):
        return _yaml(bytes_, head)
    if _OURS.match(bare):
        return Cut(_lines(bytes_, head), is_cassette=True)
    if _is_lines(bare):
        mark = _FOREIGN if bare.startswith(_FOREIGN) else _INTERACTION
        is_cassette = _JSON_CASSETTE.search(head) is not None or b'"request"' in head
        return Cut(_lines(bytes_, head, mark), is_cassette)
    return _document(bytes_, head)


def _is_known(head: bytes) -> bool:
    """Tell whether any format of those that are read begins so: what has layouts of its own, or is cut off."""
    if b"request" not in head:
        return False
    from cassette_tools.formats import all_formats  # noqa: PLC0415 -- it loads all formats, for a few files
    from cassette_tools.head import Head  # noqa: PLC0415 -- see above

    start = Head(head, whole=False)
    return any(one.read is not None and one.sniff(start) > 0 for one in all_formats())


def _is_lines(head: bytes) -> bool:
    """Tell whether the first line is a whole document, and another one follows; an interaction may be alone."""
    line, feed, rest = head.partition(b"\n")
    follows = rest.lstrip()[:1]
    if not feed or (follows != b"{" and (follows or not line.startswith(_FOREIGN))):
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
    is_cassette = _is_json_cassette(data) or _is_known(head)
    if len(data) > LARGEST:
        return Cut(_windows(bytes_, data, 1), is_cassette)
    return Cut(iter([Piece(data, "json", 1)]), is_cassette)


def _is_json_cassette(data: bytes) -> bool:
    found = _JSON_CASSETTE.search(data)
    return found is not None and (b"interactions" in found[0] or _HAR_LOG.search(data, 0, found.start()) is not None)


def _lines(bytes_: Bytes, data: bytes, mark: bytes = _INTERACTION) -> Iterator[Piece]:
    """Cut at line feeds. A line beyond LARGEST comes in windows."""
    number, interactions = 1, 0
    more = data
    while more or data:
        more = bytes_.read(PIECE)
        data += more
        end = data.rfind(b"\n") + 1 if more else len(data)
        if end:
            yield Piece(data[:end], "lines", number, interactions=interactions, mark=mark)
            number += data.count(b"\n", 0, end)
            interactions += count_interactions(data, mark, 0, end)
            data = data[end:]
        elif len(data) > LARGEST:
            data = yield from _long_line(bytes_, data, number)
            number += 1


def count_interactions(data: bytes, mark: bytes, start: int, end: int) -> int:
    """Count the lines of interactions in [start, end), which begins with a line."""
    if mark == _INTERACTION:
        return data.count(mark, start, end)  # nowhere else in a line of ours, and there may be one behind a torn one
    return data.startswith(mark, start, end) + data.count(b"\n" + mark, start, end)


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
        _, column = _moved(data[:gone], number, column)
        data, fresh = data[gone:], OVERLAP


def _windows(bytes_: Bytes, data: bytes, line: int, column: int = 1) -> Iterator[Piece]:
    """Cut into windows that overlap."""
    fresh = 0
    while True:
        while len(data) <= PIECE and (more := bytes_.read(PIECE)):
            data += more
        yield Piece(data[:PIECE], "window", line, column, fresh=fresh)
        if len(data) <= PIECE:
            return
        gone = PIECE - OVERLAP
        line, column = _moved(data[:gone], line, column)
        data, fresh = data[gone:], OVERLAP


def _moved(data: bytes, line: int, column: int) -> tuple[int, int]:
    """Give line and column of what stands behind `data`, which begins at a line and column."""
    feeds = data.count(b"\n")
    rest = data[data.rfind(b"\n") + 1 :] if feeds else data
    return line + feeds, (1 if feeds else column) + len(rest.decode("utf-8", "ignore"))


def _yaml(bytes_: Bytes, data: bytes) -> Cut:
    """Cut a YAML cassette at its items; another YAML file is one piece."""
    start = _ITEM_START.search(data)
    if start is not None:
        return Cut(_items(bytes_, data, start[1], start[2]), is_cassette=True)
    data += bytes_.read(max(LARGEST - len(data) + 1, 0))
    return _whole(bytes_, data, "yaml", is_cassette=_YAML_CASSETTE.search(data) is not None or _is_known(data[:_SNIFF]))


def _whole(bytes_: Bytes, data: bytes, kind: str, *, is_cassette: bool) -> Cut:
    """Take a document as one piece."""
    data += bytes_.read(max(LARGEST - len(data) + 1, 0))
    if len(data) > LARGEST:
        return Cut(_windows(bytes_, data, 1), is_cassette)
    return Cut(iter([Piece(data, kind, 1)]), is_cassette)


def _flows(bytes_: Bytes, data: bytes) -> Iterator[Piece]:
    """Cut behind flows. One that is too large comes in windows, with all behind it."""
    line, column, interactions = 1, 1, 0
    while data:
        wanted = size_of(data)
        if wanted > LARGEST:
            yield from _windows(bytes_, data, line, column)
            return
        if wanted > len(data):
            data += bytes_.read(wanted - len(data))
        *starts, end = starts_of(data)
        if not starts:  # cut off, or no flow
            data += bytes_.read(max(LARGEST - len(data) + 1, 0))
            if len(data) > LARGEST:
                yield from _windows(bytes_, data, line, column)
            else:
                yield Piece(data, "flows", line, column, interactions=interactions)
            return
        yield Piece(data[:end], "flows", line, column, interactions=interactions)
        line, column = _moved(data[:end], line, column)
        interactions += sum(is_http(data, start) for start in starts)
        data = data[end:] or bytes_.read(PIECE)


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
