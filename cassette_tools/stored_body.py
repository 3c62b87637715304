"""Bodies as other tools store them: as on the wire, or with the content coding taken off and the header left as it was.

Law: the bytes decide, never the header alone. What cannot be decoded within MOST_DECODED stays as it is, and says why.
Nothing here raises for what a cassette holds.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from cassette_tools.interaction import Body, header
from recorder.coding import CodingError, are_compressing, open_decoder, split_codings

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

__all__ = ["MOST_DECODED", "body_of", "encode", "wire_of"]

MOST_DECODED: Final = 256 << 20
"""Bytes that one body may grow to when its coding is taken off."""


def body_of(stored: bytes | str, headers: Headers, *, complete: bool = True, incomplete: str | None = None) -> Body:
    """Make a body of what is stored, with the coding that `headers` declare taken off where it is still on.

    Memory: the body, as stored and decoded.
    """
    declared = _declared(headers)
    if declared is None or not stored:
        return Body(stored, complete=complete, incomplete=incomplete)
    codings = split_codings(declared)
    if not are_compressing(codings):
        return Body(stored, complete=complete, incomplete=incomplete)
    name = ", ".join(codings)
    if isinstance(stored, str) or not _looks_coded(stored, codings[-1]):
        return Body(stored, coding=name, complete=complete, incomplete=incomplete)
    size = len(stored)
    try:
        content = _decoded(stored, codings)
    except CodingError as error:
        if codings[-1] in _UNMARKED and _is_text(stored):  # text that cannot be decoded was decoded before
            return Body(stored, coding=name, complete=complete, incomplete=incomplete)
        return Body(
            stored, coding_error=str(error), wire=stored, wire_size=size, complete=complete, incomplete=incomplete
        )
    return Body(content, coding=name, wire=stored, wire_size=size, complete=complete, incomplete=incomplete)


def wire_of(body: Body) -> bytes | None:
    """Give the bytes of a body with its coding on: those of its source, else coded anew.

    Without a coding, its content. None where the coding cannot be put on here.
    """
    if body.wire is not None:
        return body.wire
    content = body.read()
    return content if body.coding is None else encode(content, split_codings(body.coding))


def encode(content: bytes, codings: list[str]) -> bytes | None:
    """Put codings on, in their order. The same content gives the same bytes. None where one cannot be put on here."""
    for coding in codings:
        if coding == "gzip":
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)
            content = packer.compress(content) + packer.flush()
        elif coding == "deflate":
            content = zlib.compress(content)
        elif coding == "zstd":
            import zstandard  # noqa: PLC0415 - only where a body needs it

            content = zstandard.ZstdCompressor().compress(content)
        else:
            packed = _brotli(content) if coding == "br" else None
            if packed is None:
                return None
            content = packed
    return content


def _brotli(content: bytes) -> bytes | None:
    try:
        import brotli  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    packed: bytes = brotli.compress(content, quality=5)
    return packed


def _declared(headers: Headers) -> str | None:
    """Give the codings that are declared: repeated headers are one list (RFC 9110 section 5.3)."""
    first = header(headers, "content-encoding")
    if first is None:
        return None
    return ", ".join(value for name, value in headers if name.lower() == "content-encoding")


def _decoded(stored: bytes, codings: list[str]) -> bytes:
    decoder = open_decoder(codings)
    out: list[bytes] = []
    size = 0
    for start in range(0, len(stored), _STEP):
        for piece in decoder.feed(stored[start : start + _STEP]):
            size += len(piece)
            if size > MOST_DECODED:
                raise CodingError(f"it grows beyond {MOST_DECODED >> 20} MiB")
            out.append(piece)
    decoder.finish()
    return b"".join(out)


_STEP: Final = 64 * 1024
_UNMARKED: Final = frozenset({"br", "deflate"})
"""Codings that do not begin with bytes that no text begins with."""


def _looks_coded(stored: bytes, coding: str) -> bool:
    """Tell by the first bytes whether a coding is on. It is asked of the one that was put on last."""
    if coding == "gzip":
        return stored[:2] == b"\x1f\x8b"
    if coding == "zstd":
        return stored[:4] == b"\x28\xb5\x2f\xfd"
    if coding == "deflate":
        wrapped = stored[0] & 0x0F == 8 and len(stored) > 1 and (stored[0] << 8 | stored[1]) % 31 == 0
        return wrapped or not _is_text(stored)
    return coding == "br" or not _is_text(stored)


def _is_text(stored: bytes) -> bool:
    try:
        stored.decode()
    except UnicodeDecodeError:
        return False
    return True
