"""Content codings (RFC 9110 section 8.4), taken off with a bound.

Law: a decoder gives its output in pieces of at most PIECE bytes, one at a time, however far the input expands, and says
CodingError instead of guessing. Which codings can be taken off depends on what is installed; what cannot stays on.

Memory: beside a piece or two, a decoder holds its window. That is 32 KiB for gzip and deflate, at most 16 MiB for br
(RFC 7932 section 9.1), and at most 8 MiB for zstd (RFC 9659; a stream that asks for more stays as it is).
"""

from __future__ import annotations

import functools
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = ["PIECE", "CodingError", "Decoder", "are_compressing", "open_decoder", "split_codings"]

PIECE: Final = 256 * 1024
"""Bytes: the most that one step of a decoder gives; br gives up to twice that, zstd rounds its blocks."""

_MOST_CODINGS = 5
"""Codings on top of each other that are taken off; urllib3's limit is the same."""
_COMPRESSING: Final = frozenset(
    {"gzip", "deflate", "br", "zstd", "compress", "x-compress", "lzma", "xz", "bzip2", "dcb", "dcz"}
)
_ZSTD_WINDOW = 23
"""The most that a zstd stream may ask for, as a power of two: what RFC 9659 section 3 allows for HTTP."""
_ZSTD_INPUT = 64
"""Bytes fed at a time to a zstd decoder without a bound on its output.

A block of 4 bytes may say 128 KiB (RFC 8878 section 3.1.1.2), so 64 give at most 2 MiB.
"""


class CodingError(ValueError):
    """The bytes are not what their Content-Encoding says, or cannot be decoded within bounds."""


class Decoder(Protocol):
    """Common to all: `feed` gives decoded pieces, `finish` raises CodingError when the stream is not at its end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode what follows. The iterator must be run to its end before the next call."""
        ...

    def finish(self) -> None:
        """Check that the coded stream ended properly."""
        ...


class _Zlib:
    """gzip (also several members, RFC 1952 section 2.2) and deflate, in either of the two forms that servers send."""

    __slots__ = ("_first", "_inflate", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._first = b""
        self._inflate: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate is None:
                data = self._begin(data)
                if self._inflate is None:
                    return
            try:
                yield from self._drain(data)
            except zlib.error as error:
                raise CodingError(f"not {self._name}: {error}") from error
            if not self._inflate.eof:
                return
            data = self._inflate.unused_data
            if data and self._name != "gzip":
                raise CodingError("bytes follow the end of the deflate stream")
            if data:
                self._inflate = None

    def _begin(self, data: bytes) -> bytes:
        if self._name == "gzip":
            self._inflate = zlib.decompressobj(31)
            return data
        # RFC 9110 section 8.4.1.2: deflate means zlib, but some send it raw. A zlib header of two bytes checks itself
        # (RFC 1950 section 2.2), so the first byte waits for the second.
        data = self._first + data
        self._first = data if len(data) == 1 else b""
        if len(data) > 1:
            wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inflate = zlib.decompressobj(15 if wrapped else -15)
        return data

    def _drain(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inflate.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof or not (data or len(piece) == PIECE):
                return

    def finish(self) -> None:
        if self._first or (self._inflate is not None and not self._inflate.eof):
            raise CodingError(f"the {self._name} stream ends early")


class _Brotli:
    """br, by a brotli module that can bound its output (Brotli 1.2 and later)."""

    __slots__ = ("_began", "_stream")

    def __init__(self, module: ModuleType) -> None:
        self._stream = module.Decompressor()
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                self._began = self._began or bool(data)
                piece = self._stream.process(data, output_buffer_limit=PIECE)
                if not piece and self._stream.can_accept_more_data():
                    return
                data = b""
                if piece:
                    yield piece
                if self._stream.is_finished():
                    return
        except Exception as error:  # its error class has moved between releases; whatever it is, this is no brotli
            raise CodingError(f"not br: {error}") from error

    def finish(self) -> None:
        if self._began and not self._stream.is_finished():
            raise CodingError("the br stream ends early")


class _Zstd:
    """zstd, by Python's own module (3.14) or its backport, whose output can be bounded."""

    __slots__ = ("_frame", "_module")

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._frame: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame is None or self._frame.eof:
                options = {self._module.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
                self._frame = self._module.ZstdDecompressor(options=options)
            try:
                yield from self._drain(data)
            except self._module.ZstdError as error:
                raise CodingError(f"not zstd: {error}") from error
            data = self._frame.unused_data if self._frame.eof else b""

    def _drain(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._frame.decompress(data, PIECE)
            data = b""
            if piece:
                yield piece
            if self._frame.eof or self._frame.needs_input:
                return

    def finish(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise CodingError("the zstd stream ends early")


class _Zstandard:
    """zstd, by the `zstandard` package, fed in small bites since it has no bound on its output."""

    __slots__ = ("_frame", "_module")

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._frame: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_INPUT):
            yield from self._bite(data[start : start + _ZSTD_INPUT])

    def _bite(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame is None or self._frame.eof:
                self._frame = self._module.ZstdDecompressor(max_window_size=1 << _ZSTD_WINDOW).decompressobj()
            try:
                piece = self._frame.decompress(data)
            except self._module.ZstdError as error:
                raise CodingError(f"not zstd: {error}") from error
            for start in range(0, len(piece), PIECE):
                yield piece[start : start + PIECE]
            data = self._frame.unused_data if self._frame.eof else b""

    def finish(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise CodingError("the zstd stream ends early")


class _Chain:
    """Several codings, the last one applied taken off first."""

    __slots__ = ("_decoders",)

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._through(data, len(self._decoders) - 1)

    def _through(self, data: bytes, level: int) -> Iterator[bytes]:
        if level < 0:
            yield data
            return
        for piece in self._decoders[level].feed(data):
            yield from self._through(piece, level - 1)

    def finish(self) -> None:
        for decoder in self._decoders:
            decoder.finish()


@functools.cache
def _brotli() -> Callable[[], Decoder] | None:
    for name in ("brotlicffi", "brotli"):
        module = _load(name)
        if module is not None and hasattr(module.Decompressor, "can_accept_more_data"):
            return functools.partial(_Brotli, module)
    return None


@functools.cache
def _zstd() -> Callable[[], Decoder] | None:
    for name in ("compression.zstd", "backports.zstd"):
        module = _load(name)
        if module is not None:
            return functools.partial(_Zstd, module)
    module = _load("zstandard")
    return None if module is None else functools.partial(_Zstandard, module)


def _load(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


def split_codings(header: str) -> list[str]:
    """Give the codings of a Content-Encoding value, in the order in which they were applied, without `identity`."""
    names = (name.strip().lower() for name in header.split(","))
    return [
        {"x-gzip": "gzip", "x-deflate": "deflate"}.get(name, name) for name in names if name not in ("", "identity")
    ]


def are_compressing(codings: list[str]) -> bool:
    """Tell whether one of `codings` hides what is in a body. `aws-chunked`, and mistakes such as `utf-8`, do not."""
    return not _COMPRESSING.isdisjoint(codings)


def open_decoder(codings: list[str]) -> Decoder:
    """Make a decoder that takes all of `codings` off. Raises CodingError for one that cannot be taken off here."""
    if len(codings) > _MOST_CODINGS:
        raise CodingError(f"more than {_MOST_CODINGS} codings")
    decoders: list[Decoder] = []
    for name in codings:
        if name in ("gzip", "deflate"):
            decoders.append(_Zlib(name))
            continue
        make = {"br": _brotli, "zstd": _zstd}.get(name, lambda: None)()
        if make is None:
            raise CodingError(f"no decoder for {name[:40]!r}")
        decoders.append(make())
    return decoders[0] if len(decoders) == 1 else _Chain(decoders)
