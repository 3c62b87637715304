"""What a body is, by its headers and by its own bytes; and what follows from its change.

Law: the bytes decide, the headers only help. Nothing here changes a body, but to pack it again as it was packed.
"""

from __future__ import annotations

import functools
import hashlib
import re
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recorder.coding import CodingError, open_decoder
from recorder.redact.leaf import Context

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Packed", "binary_parts", "context_of", "follow", "is_text", "says_text", "unpack", "wide_codec"]

MOST_UNPACKED: Final = 32 * 1024 * 1024
"""Bytes that a compressed file inside a body may grow to, to be looked into."""

_BOUNDARY: Final = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;]{1,200}))", re.IGNORECASE)
_TEXTUAL: Final = re.compile(
    r"text/|.*(?:json|xml|javascript|urlencoded|graphql|yaml|csv|html)|multipart/", re.IGNORECASE
)
_PAIR: Final = 2
_FORM: Final = "application/x-www-form-urlencoded"
_GZIP: Final = b"\x1f\x8b\x08"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def context_of(headers: Any, data: bytes | None, *, token_request: bool) -> Context:  # noqa: ANN401 -- pairs, or None
    """Tell what a body is. `data` None: it is a stream, and its headers are all that is known."""
    told = _by_type(_type_in(headers))
    binary = data is not None and not told.form and not told.textual and not is_text(data)
    return Context(body=True, form=told.form, token_endpoint=token_request, binary=binary, boundary=told.boundary)


def says_text(headers: Any) -> bool:  # noqa: ANN401 -- pairs, or None
    """Tell whether the headers say that a body is text of some kind."""
    return _by_type(_type_in(headers)).textual


def _type_in(headers: Any) -> str:  # noqa: ANN401 -- pairs, or None
    kind = ""
    for pair in headers if isinstance(headers, list) else ():
        name = pair[0] if isinstance(pair, list | tuple) and len(pair) == _PAIR else None
        if type(name) is str and len(name) == len("content-type") and name.lower() == "content-type":
            kind = str(pair[1])
    return kind


class _Told(NamedTuple):
    form: bool
    textual: bool
    boundary: bytes


@functools.lru_cache(maxsize=256)
def _by_type(kind: str) -> _Told:
    boundary = _BOUNDARY.search(kind) if kind[:10].lower() == "multipart/" else None
    return _Told(
        form=kind[: len(_FORM)].lower() == _FORM,
        textual=_TEXTUAL.match(kind) is not None,
        boundary=(boundary[1] or boundary[2]).encode("iso-8859-1", "replace") if boundary else b"",
    )


def wide_codec(data: bytes) -> str | None:
    """Give the codec of a body in UTF-16 or UTF-32, where decoding and encoding gives the same bytes; else None."""
    if b"\0" not in data[:64] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return None
    for codec in ("utf-16-le", "utf-16-be"):
        zeros = data[1:64:2] if codec == "utf-16-le" else data[0:64:2]
        marked = data[:2] == (b"\xff\xfe" if codec == "utf-16-le" else b"\xfe\xff")
        if not marked and zeros.count(0) * 10 < len(zeros) * 7:
            continue
        try:
            if data.decode(codec).encode(codec) == data:
                return codec
        except UnicodeDecodeError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Packed:
    """A compressed file that is a body: what is in it, and how to pack it again."""

    plain: bytes
    context: Context
    pack: Callable[[bytes], bytes]


def unpack(data: bytes) -> Packed | None:
    """Open a gzip or zstd file. None where it is none, is broken, or grows beyond `MOST_UNPACKED`."""
    coding = _packing(data)
    if coding is None:
        return None
    out: list[bytes] = []
    size = 0
    try:
        decoder = open_decoder([coding])
        for piece in decoder.feed(data):
            size += len(piece)
            if size > MOST_UNPACKED:
                return None
            out.append(piece)
        decoder.finish()
    except CodingError:
        return None
    plain = b"".join(out)
    context = Context(body=True, binary=not is_text(plain))
    packers: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd, "deflate": _deflate}
    return Packed(plain, context, packers[coding])


def binary_parts(data: bytes, boundary: bytes) -> list[tuple[int, int]]:
    """Give the spans of what is no text in a multipart body."""
    if is_text(data):
        return []
    spans: list[tuple[int, int]] = []
    at = data.find(b"\r\n\r\n")
    while at >= 0:
        start = at + 4
        end = data.find(b"\r\n--" + boundary, start)
        end = len(data) if end < 0 else end
        if not is_text(data[start:end]):
            spans.append((start, end))
        at = data.find(b"\r\n\r\n", end)
    return spans


def _packing(data: bytes) -> str | None:
    if data.startswith(_GZIP):
        return "gzip"
    if data.startswith(_ZSTD):
        return "zstd"
    # RFC 1950 section 2.2: two bytes that check themselves.
    return "deflate" if data[:1] == b"\x78" and len(data) > 1 and (data[0] << 8 | data[1]) % 31 == 0 else None


def follow(headers: list[Any], before: tuple[Any, Any], size: int, old: bytes | None, new: bytes | None) -> list[Any]:
    """Give the headers of a body without content coding, after its change: Content-Length and digests follow.

    `before`: its size and its size on the wire, of which the header told one.
    """
    out: list[Any] = []
    for pair in headers:
        name = pair[0].lower() if len(pair) == 2 and isinstance(pair[0], str) else ""
        value = pair[1] if name else None
        if name == "content-length" and value in [str(size_before) for size_before in before]:
            value = str(size)
        elif old is not None and new is not None and isinstance(value, str) and name in _DIGESTS:
            for algorithm, digits in _ALGORITHMS:
                if not _could_be_digest(value, digits, hexadecimal_only=name == "etag"):
                    continue
                was = hashlib.new(algorithm, old, usedforsecurity=False)
                now = hashlib.new(algorithm, new, usedforsecurity=False)
                value = value.replace(b64encode(was.digest()).decode(), b64encode(now.digest()).decode())
                value = value.replace(was.hexdigest(), now.hexdigest())
        out.append(pair if not name or value == pair[1] else (pair[0], value))
    return out


_ALGORITHMS: Final = (("md5", 32), ("sha1", 40), ("sha256", 64), ("sha512", 128))
_HEX_RUN: Final = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})(?![0-9A-Fa-f])")
_DIGESTS: Final = frozenset(
    {"content-md5", "digest", "content-digest", "repr-digest", "x-amz-content-sha256", "etag", "x-content-digest"}
)


def _could_be_digest(value: str, digits: int, *, hexadecimal_only: bool) -> bool:
    """Tell quickly whether a header may hold a digest of so many hexadecimal digits, or the same in base64."""
    if any(len(run) == digits for run in _HEX_RUN.findall(value)):
        return True
    return not hexadecimal_only and len(value) >= 2 * digits // 3


def is_text(data: bytes) -> bool:
    """Tell whether bytes are text: strictly UTF-8, without NUL."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _deflate(plain: bytes) -> bytes:
    return zlib.compress(plain)


def _gzip(plain: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(plain) + packer.flush()


def _zstd(plain: bytes) -> bytes:
    try:
        import zstandard  # noqa: PLC0415 -- where it is installed
    except ImportError:
        from importlib import import_module  # noqa: PLC0415 -- see above

        for name in ("compression.zstd", "backports.zstd"):
            try:
                return bytes(import_module(name).compress(plain))
            except ImportError:
                continue
        raise
    return zstandard.ZstdCompressor().compress(plain)
