"""Packs what is written, as gzip or zstd, piece by piece.

Law: the same bytes give the same file: neither a name nor a time goes into it. Memory: the packer's window.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SUFFIXES", "gathered", "packed", "packing_of"]

SUFFIXES: Final = {".gz": "gzip", ".zst": "zstd"}
_STEP: Final = 64 * 1024


def packing_of(name: str) -> str | None:
    """Give the packing that the end of a file's name asks for."""
    return next((packing for suffix, packing in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def packed(pieces: Iterable[bytes], packing: str | None) -> Iterator[bytes]:
    """Give `pieces` packed as "gzip", "zstd", or as they are."""
    if packing is None:
        yield from pieces
        return
    packer: Any
    if packing == "gzip":
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    else:
        import zstandard  # noqa: PLC0415 - only where it is asked for

        packer = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
    for piece in gathered(pieces, _STEP):
        if out := packer.compress(piece):
            yield out
    yield packer.flush()


def gathered(pieces: Iterable[bytes], least: int) -> Iterator[bytes]:
    """Give small pieces together, in blocks of `least` bytes or more: a call for each costs more than its work."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= least:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
