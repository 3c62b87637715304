"""Typed netstrings (tnetstrings), one after another, as mitmproxy writes them.

Law: a size is believed only as far as bytes are there. Nothing recurses; depth, nodes and size of one value are
bounded, and the time is linear in the bytes. What is wrong raises BadCassetteError with the byte, never with contents.

A value is its size in decimal, a colon, so many bytes, and a letter for its type. mitmproxy adds to the six types of
https://tnetstrings.info one for text (`;`, UTF-8), beside that for bytes (`,`).

Memory: one value as bytes, and what it says.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.input_stream import InputStream

__all__ = ["DEPTH", "LARGEST_ITEM", "MOST_NODES", "Netstring", "netstrings"]

LARGEST_ITEM: Final = 256 << 20
"""Bytes of one value at the top."""
DEPTH: Final = 200
"""Levels of nesting."""
MOST_NODES: Final = 1_000_000
"""Values within one value at the top. A flow has about a hundred."""

_SIZE: Final = re.compile(rb"(\d{1,12}+):")
_LONGEST_NUMBER: Final = 40
_INTEGERS: Final = range(-(1 << 63), 1 << 64)
"""Integers that JSON's writers can take, too."""
_PREFIX: Final = 13
"""Bytes of a size of twelve digits, as mitmproxy bounds it, and its colon."""
_KEYS: Final[dict[bytes, str]] = {}
_MOST_KEYS: Final = 1000
_COMMA, _TEXT, _INTEGER, _FLOAT, _BOOLEAN, _NULL, _LIST, _TABLE = b",;#^!~]}"


class Netstring(NamedTuple):
    """A value at the top: `number` counts from 1, `offset` is its first byte in the unpacked file."""

    value: Any
    number: int
    offset: int


class _Fault(Exception):  # noqa: N818 - never leaves this module
    """What is wrong, and at which byte of the value."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def netstrings(stream: InputStream, *, passing_over: frozenset[tuple[str, ...]] = frozenset()) -> Iterator[Netstring]:
    """Give the values in a file, one at a time: dict with text for keys, list, bytes, str, int, float, bool, None.

    A list or table at a path of keys in `passing_over` (of at most two) is not looked into: an Ellipsis stands for it.
    Raises BadCassetteError.
    """
    source = _Bytes(stream)
    number = 0
    while True:
        offset = source.offset
        prefix = source.prefix()
        if not prefix:
            return
        number += 1
        try:
            data, kind = _next(source, prefix)
            try:
                value = _parsed(data, kind, passing_over)
            except _Fault as fault:
                fault.at += len(prefix)
                raise
        except _Fault as fault:
            raise BadCassetteError(
                f"{stream.name}, flow {number}, byte {offset + fault.at}: {fault}."
                " The flows before it can be read; copy the file anew, or cut it off there."
            ) from None
        del data
        yield Netstring(value, number, offset)


class _Bytes:
    """The bytes of a stream, counted. Holds a block."""

    def __init__(self, stream: InputStream) -> None:
        self.offset = 0
        self._stream = stream
        self._block = b""
        self._pos = 0

    def prefix(self) -> bytes:
        """Take bytes up to the first colon, at most _PREFIX of them; none at the end."""
        found = bytearray()
        while len(found) < _PREFIX:
            byte = self.take(1)
            found += byte
            if byte in (b":", b""):
                break
        return bytes(found)

    def take(self, size: int) -> bytes:
        """Take `size` bytes, fewer at the end. What is not there is not made room for."""
        if size <= len(self._block) - self._pos:
            data = self._block[self._pos : self._pos + size]
            self._pos += size
            self.offset += size
            return data
        parts = [self._block[self._pos :]]
        missing = size - len(parts[0])
        self._block, self._pos = b"", 0
        while missing > 0:
            block = self._stream.block()
            if not block:
                break
            parts.append(block[:missing])
            if len(block) > missing:
                self._block, self._pos = block, missing
            missing -= len(parts[-1])
        data = b"".join(parts)
        self.offset += len(data)
        return data


def _next(source: _Bytes, prefix: bytes) -> tuple[bytes, int]:
    """Take the rest of the value that `prefix` begins: its bytes and its type."""
    head = _SIZE.fullmatch(prefix)
    if head is None:
        if prefix.isdigit() and len(prefix) < _PREFIX:
            raise _Fault("the file ends within a size", 0)
        raise _Fault("here should be a size in decimal and a colon", 0)
    size = int(head[1])
    if size > LARGEST_ITEM:
        raise _Fault(f"one flow of more than {LARGEST_ITEM >> 20} MiB is not read", 0)
    data = source.take(size)
    kind = source.take(1)
    if len(data) < size or not kind:
        raise _Fault("the file ends within this flow", 0)
    return data, kind[0]


class _Level:
    """A list or a table that is being read, up to `end`. `key` is that of a table's value at hand."""

    __slots__ = ("end", "key", "table", "values")

    def __init__(self, end: int, *, is_table: bool) -> None:
        self.end = end
        self.table: dict[str, Any] | None = {} if is_table else None
        self.values: list[Any] = []
        self.key = ""


def _parsed(  # noqa: C901 - one loop that steps from value to value: calls would take most of its time
    data: bytes, kind: int, passing_over: frozenset[tuple[str, ...]]
) -> Any:  # noqa: ANN401 - whatever is written
    if kind not in (_LIST, _TABLE):
        return _scalar(data, 0, len(data), kind)
    root = level = _Level(len(data), is_table=kind == _TABLE)
    levels = [root]
    pos = nodes = 0
    while True:
        if pos == level.end:
            levels.pop()
            if not levels:
                return root.values if root.table is None else root.table
            level = levels[-1]
            pos += 1  # the letter of its type
            continue
        nodes += 1
        if nodes > MOST_NODES:
            raise _Fault(f"one flow of more than {MOST_NODES} values is not read", pos)
        table = level.table
        if table is not None:
            start, end, kind = _bounds(data, pos, level.end)
            level.key = _key(data, start, end, kind)
            pos = end + 1
            if pos == level.end:
                raise _Fault("a key has no value", pos)
        start, end, kind = _bounds(data, pos, level.end)
        value: Any
        inner = None
        if kind == _COMMA:
            value = data[start:end]
        elif kind not in (_LIST, _TABLE):
            value = _scalar(data, start, end, kind)
        elif len(levels) <= 2 and passing_over and tuple(one.key for one in levels) in passing_over:
            value = ...
        else:
            if len(levels) >= DEPTH:
                raise _Fault(f"it is nested deeper than {DEPTH} levels", pos)
            inner = _Level(end, is_table=kind == _TABLE)
            value = inner.values if inner.table is None else inner.table
        if table is None:
            level.values.append(value)
        else:
            table[level.key] = value
        if inner is None:
            pos = end + 1
        else:
            levels.append(inner)
            level, pos = inner, start


def _bounds(data: bytes, pos: int, limit: int) -> tuple[int, int, int]:
    """Give where the value at `pos` begins and ends, and its type."""
    colon = data.find(b":", pos, pos + _PREFIX)
    said = data[pos:colon]
    if colon < 0 or not said.isdigit():
        raise _Fault("here should be a size in decimal and a colon", pos)
    end = colon + 1 + int(said)
    if end >= limit:
        raise _Fault("a size is larger than what holds it", pos)
    return colon + 1, end, data[end]


def _key(data: bytes, start: int, end: int, kind: int) -> str:
    """Give a key: text, or bytes (up to mitmproxy 0.18). The same ones come again and again."""
    if kind not in (_COMMA, _TEXT):
        raise _Fault("a key is no text", start)
    said = data[start:end]
    key = _KEYS.get(said)
    if key is None:
        try:
            key = said.decode()
        except UnicodeDecodeError:
            raise _Fault("a key is no UTF-8", start) from None
        if len(_KEYS) < _MOST_KEYS and len(said) <= _PREFIX * 2:
            _KEYS[said] = key
    return key


def _scalar(data: bytes, start: int, end: int, kind: int) -> Any:  # noqa: ANN401 - whatever is written
    if kind == _NULL and start == end:
        return None
    said = data[start:end]
    if kind == _COMMA:
        return said
    if kind == _TEXT:
        try:
            return said.decode()
        except UnicodeDecodeError:
            raise _Fault("a text is no UTF-8", start) from None
    if kind in (_INTEGER, _FLOAT) and len(said) <= _LONGEST_NUMBER:
        try:
            number = int(said) if kind == _INTEGER else float(said)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and (kind == _FLOAT or number in _INTEGERS):
            return number
    if kind == _BOOLEAN and said in (b"true", b"false"):
        return said == b"true"
    names = {_INTEGER: "an integer", _FLOAT: "a number", _BOOLEAN: "a boolean", _NULL: "a null"}
    raise _Fault(f"{names[kind]} is written wrongly" if kind in names else "a value is of no known type", start)
