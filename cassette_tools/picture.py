"""Tells whether bytes are a picture that a page may paint, and how large it is.

Law: the bytes decide, never the declared type. PNG, JPEG, GIF, WebP and AVIF only: formats of pixels, which hold no
script and ask for nothing; never SVG. What is larger than `MOST_PIXELS` is none, however few bytes it takes: a kilobyte
of PNG may say that it is 50,000 pixels wide, and to paint it takes ten gigabytes. Nothing is decoded here, only headers
are read; it never raises.

Sizes are where decoders take them from: PNG section 11.2.2 (IHDR), GIF89a sections 18 and 20, ITU T.81 section B.2.2
(frame header), the WebP container specification, ISO/IEC 23008-12 section 6.5.3 (`ispe`). An AVIF file may lie there;
its decoders have bounds of their own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_PIXELS", "Picture", "picture_of"]

MOST_PIXELS: Final = 4_000_000
"""Pixels of a picture: painted, it takes four bytes each."""

_LONGEST_SIDE: Final = 16_384  # pixels; browsers paint no longer canvases


class Picture(NamedTuple):
    """What a picture is: its media type, and its size in pixels."""

    type: str
    width: int
    height: int


def picture_of(data: bytes) -> Picture | None:
    """Return what picture the bytes are; None for anything else, and for a picture that is too large, or empty."""
    for kind, size_of in _SIZES.items():
        try:
            size = size_of(data)
        except (struct.error, IndexError):
            size = None  # the header is cut off
        if size is not None:
            width, height = size
            fits = 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE and width * height <= MOST_PIXELS
            return Picture(kind, width, height) if fits else None
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int] | None:
    """Return the screen, or the first frame where that is larger: browsers make room for it."""
    if data[:6] not in {b"GIF87a", b"GIF89a"}:
        return None
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while data[at] == 0x21:  # extensions, in blocks that say their length
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at] != 0x2C:
        return 0, 0
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, at + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while True:
        if data[at] != 0xFF:
            return 0, 0
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker == 0x01 or 0xD0 <= marker <= 0xD9:  # without a length
            at += 2
        else:
            at += 2 + max(2, int(struct.unpack_from(">H", data, at + 2)[0]))


_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _avif(data: bytes) -> tuple[int, int] | None:
    """Return the largest size that is told for any image of the file."""
    if data[4:8] != b"ftyp" or data[8:12] not in {b"avif", b"avis"}:
        return None
    width = height = 0
    at = data.find(b"ispe")
    while at >= 0:
        one, other = struct.unpack_from(">II", data, at + 8)
        width, height = max(width, one), max(height, other)
        at = data.find(b"ispe", at + 4)
    return width, height


_SIZES: Final[dict[str, Callable[[bytes], tuple[int, int] | None]]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/avif": _avif,
}
