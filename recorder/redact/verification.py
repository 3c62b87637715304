"""The deep look: whether a known value is left in several encodings, one inside another.

Law: this reads, and never changes. It undoes every encoding that it can, again and again up to a depth, and looks for
the values themselves in what comes out; it shares no needle but the plain one with what found the values before.

Memory: at each depth the bytes that could be decoded, at most `MOST` of them.
"""

from __future__ import annotations

import html
import re
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from ahocorasick_rs import BytesAhoCorasick

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DEPTH", "Values"]

DEPTH: Final = 3
MOST: Final = 8 * 1024 * 1024
"""Bytes decoded from one leaf at one depth."""

_MOST_FILES: Final = 16
"""Beginnings of gzip files in one view that are tried."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")
_WRAPPED: Final = re.compile(rb"(?<=[A-Za-z0-9+/=])(?:\r?\n|\\{1,15}r\\{1,15}n|\\{1,15}n)[ \t]*(?=[A-Za-z0-9+/=])")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{8,}")
_ESCAPE: Final = re.compile(
    rb"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([\"\\/bfnrt])"
)
_SHORT: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_GZIP: Final = b"\x1f\x8b\x08"


class Values:
    """Values to look for, many at once."""

    __slots__ = ("_searcher",)

    def __init__(self, values: Iterable[bytes]) -> None:
        wanted = sorted(set(values))
        self._searcher = BytesAhoCorasick(wanted) if wanted else None

    def stand_in(self, data: bytes, depth: int = DEPTH) -> bool:
        """Tell whether one of them stands in `data`, in up to `depth` encodings one inside another."""
        if self._searcher is None:
            return False
        views = [data]
        for level in range(depth + 1):
            if any(self._searcher.find_matches_as_indexes(view) for view in views):
                return True
            if level < depth:
                views = [plain for view in views for plain in _decoded(view)]
        return False


def _decoded(data: bytes) -> Iterator[bytes]:
    """Give what `data` says when one encoding is undone."""
    left = MOST
    for plain in _undo(data):
        if plain and plain != data:
            left -= len(plain)
            if left < 0:
                return
            yield plain


def _undo(data: bytes) -> Iterator[bytes]:
    if b"%" in data:
        yield unquote_to_bytes(data)
        yield unquote_to_bytes(data.replace(b"+", b" "))
    if b"&" in data:
        yield html.unescape(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")
    if b"\\" in data:
        yield _unescaped(data)
    if b"\0" in data:
        for start in (0, 1):
            even = data[start : start + (len(data) - start) // 2 * 2]
            for codec in ("utf-16-le", "utf-16-be"):
                yield even.decode(codec, "ignore").encode("utf-8", "ignore")
    yield from _files_in(data)
    joined = _WRAPPED.sub(b"", data)
    plain = [piece for run in _BASE64.findall(joined) for piece in _from_base64(run)]
    yield b"\n".join(plain)
    for piece in plain:
        yield from _files_in(piece)
    runs = [run.decode() for run in _HEX.findall(data)]
    for start in (0, 1):
        yield b"\n".join(bytes.fromhex(run[start : start + (len(run) - start) // 2 * 2]) for run in runs)


def _files_in(data: bytes) -> Iterator[bytes]:
    if data[:1] == b"\x78":
        yield _inflated(data)
    at = data.find(_GZIP)
    for _ in range(_MOST_FILES):
        if at < 0:
            return
        yield _inflated(data[at:])
        at = data.find(_GZIP, at + 1)


def _from_base64(run: bytes) -> Iterator[bytes]:
    coded = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    for start in range(4):
        part = coded[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            yield b64decode(part + b"=" * (-len(part) % 4))
        except Base64Error:
            continue


def _unescaped(data: bytes) -> bytes:
    """Undo the escapes of JSON strings, wherever they stand: what is around them need not be JSON."""
    return _ESCAPE.sub(_character, data)


def _character(match: re.Match[bytes]) -> bytes:
    high, low, single, short = match.groups()
    if short is not None:
        return _SHORT.get(short, short)
    if single is not None:
        return chr(int(single, 16)).encode("utf-8", "surrogatepass")
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00).encode("utf-8")


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(47).decompress(data, MOST)
    except zlib.error:
        return b""
