"""One body on its way into one cassette.

Law: a body is held up to the limit and not beyond; from there on it goes out in pieces as it comes. Memory of one
capture is at most the limit, plus two pieces, plus 8 MiB for one bite of a coded body that expands absurdly, plus
(while a coded body is taken apart at its end) the limit again. The bytes are never changed: what cannot be decoded is
stored as it came, and says so.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from recorder.coding import PIECE, CodingError, Decoder, open_decoder

__all__ = ["BodyCapture", "Content", "encode_content"]

Content = dict[str, str]
WritePiece = Callable[[int, Content], None]
"""Takes the number of a piece and its content, and writes a body line."""

_MOST_EXPANSION: Final = 100
"""A coded body that grows beyond this factor, and beyond the next figure, stays coded.

A bomb on the wire must not become one on the disk.
"""
_HARMLESS_EXPANSION: Final = 64 * 1024 * 1024
"""Bytes that any coded body may grow to."""
_BITE: Final = 4096
"""Coded bytes of a streamed body that are decoded in one go."""
_MOST_FROM_BITE: Final = 8 * 1024 * 1024
"""Bytes that one bite may give; gzip, at its most, gives half of that."""


class BodyCapture:
    """Takes the bytes of one body, as they pass on the wire, and gives its description and content at the end.

    `limit`: bytes held. `write_piece` is called for each piece beyond it. `codings`: the Content-Encoding, in the
    order applied.
    """

    __slots__ = (
        "_codings",
        "_decoded",
        "_decoder",
        "_digest",
        "_held",
        "_held_size",
        "_limit",
        "_pieces",
        "_raw",
        "_size",
        "_trouble",
        "_wire_size",
        "_write_piece",
    )

    def __init__(self, limit: int, write_piece: WritePiece, codings: list[str]) -> None:
        self._limit = limit
        self._write_piece = write_piece
        self._codings = codings
        self._decoded = False
        self._decoder: Decoder | None = None
        self._digest: Any = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._pieces = 0
        self._raw = False
        self._size = 0
        self._trouble: str | None = None
        self._wire_size = 0

    @property
    def wire_size(self) -> int:
        """Bytes taken so far."""
        return self._wire_size

    def feed(self, data: bytes) -> None:
        """Take what came next. `data` is kept as it is, not copied, so it must not change later."""
        size = len(data)
        self._wire_size += size
        if self._digest is None:
            self._held.append(data)
            self._held_size += size
            if self._held_size > self._limit:
                self._go_streaming()
        elif size > PIECE:
            for start in range(0, size, PIECE):
                self._stream(data[start : start + PIECE])
        else:
            self._stream(data)

    def finish(self, incomplete: str | None, framing: str | None) -> tuple[dict[str, Any], Content | None]:
        """End the body. Gives its description, and its content where that was not written in pieces.

        `incomplete` says why not all of it is there, None when it is.
        """
        content: Content | None = None
        if self._digest is None:
            content = self._finish_held(incomplete)
        else:
            self._finish_streamed(incomplete)
        description: dict[str, Any] = {
            "size": self._size,
            "wire_size": self._wire_size,
            "sha256": self._digest.hexdigest(),
            "complete": incomplete is None,
        }
        if incomplete is not None:
            description["incomplete"] = incomplete
        if self._decoded:
            description["coding"] = ", ".join(self._codings)
        if self._trouble is not None:
            description["coding_error"] = self._trouble
        if framing is not None:
            description["framing"] = framing
        if content is None:
            description["pieces"] = self._pieces
        return description, content

    # A body that fits.

    def _finish_held(self, incomplete: str | None) -> Content | None:
        held, self._held = self._held, []
        wire = held[0] if len(held) == 1 else b"".join(held)
        del held
        if not self._codings or not wire:
            return self._keep(wire)
        try:
            decoded = self._decode_within_limit(wire, incomplete)
            self._decoded = True
            if decoded is not None:
                return self._keep(decoded)
            # It outgrows the limit, but not absurdly, and is sound to its end: decode again, this time out in pieces.
            self._digest = hashlib.sha256(usedforsecurity=False)
            for piece in open_decoder(self._codings).feed(wire):
                self._hold_back(piece)
        except CodingError as error:
            self._trouble = str(error)
            return self._keep(wire)
        self._flush(everything=True)
        return None

    def _keep(self, data: bytes) -> Content:
        self._size = len(data)
        self._digest = hashlib.sha256(data, usedforsecurity=False)
        return encode_content(data)

    def _decode_within_limit(self, wire: bytes, incomplete: str | None) -> bytes | None:
        """Decode, holding at most the limit. None when the body is sound but longer. Raises CodingError."""
        decoder = open_decoder(self._codings)
        most = max(_HARMLESS_EXPANSION, len(wire) * _MOST_EXPANSION)
        out: list[bytes] = []
        size = 0
        for piece in decoder.feed(wire):
            size += len(piece)
            if size > most:
                raise CodingError(f"expands more than {_MOST_EXPANSION} times")
            if size <= self._limit:
                out.append(piece)
            else:
                out.clear()
        if incomplete is None:
            decoder.finish()
        return b"".join(out) if size <= self._limit else None

    # A body over the limit.

    def _go_streaming(self) -> None:
        self._digest = hashlib.sha256(usedforsecurity=False)
        held, self._held, self._held_size = self._held, [], 0
        if self._codings:
            try:
                self._decoder = open_decoder(self._codings)
                self._decoded = True
            except CodingError as error:
                self._trouble = str(error)
        for data in held:
            for start in range(0, len(data), PIECE):
                self._stream(data[start : start + PIECE])

    def _stream(self, data: bytes) -> None:
        if self._decoder is None:
            self._hold_back(data)
            return
        for start in range(0, len(data), _BITE):
            try:
                decoded = self._decode_bite(self._decoder, data[start : start + _BITE])
            except CodingError as error:
                self._give_up_decoding(str(error))
                self._hold_back(data[start:])
                return
            for piece in decoded:
                self._hold_back(piece)

    def _decode_bite(self, decoder: Decoder, data: bytes) -> list[bytes]:
        """Decode a little, whole or not at all.

        Bytes that turn out broken are kept as they came, from the first byte of their bite on.
        """
        out: list[bytes] = []
        size = 0
        for piece in decoder.feed(data):
            size += len(piece)
            whole = self._size + self._held_size + size
            if size > _MOST_FROM_BITE or whole > max(_HARMLESS_EXPANSION, self._wire_size * _MOST_EXPANSION):
                raise CodingError(f"expands more than {_MOST_EXPANSION} times")
            out.append(piece)
        return out

    def _give_up_decoding(self, trouble: str) -> None:
        self._flush(everything=True)
        self._decoder = None
        self._trouble = trouble
        self._raw = True

    def _hold_back(self, data: bytes) -> None:
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size >= PIECE:
            self._flush(everything=False)

    def _flush(self, *, everything: bool) -> None:
        data = b"".join(self._held)
        self._held, self._held_size = [], 0
        start = 0
        while len(data) - start >= PIECE or (everything and start < len(data)):
            piece = data[start : start + PIECE]
            if len(piece) == PIECE:
                piece = piece[: _character_end(piece)]
            self._write(piece)
            start += len(piece)
        if start < len(data):
            self._held, self._held_size = [data[start:]], len(data) - start

    def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size += len(piece)
        content = encode_content(piece)
        self._write_piece(self._pieces, {**content, "raw": True} if self._raw else content)  # type: ignore[dict-item] # a mark, not content
        self._pieces += 1

    def _finish_streamed(self, incomplete: str | None) -> None:
        self._flush(everything=True)
        if self._decoder is not None and incomplete is None:
            try:
                self._decoder.finish()
            except CodingError as error:
                self._trouble = str(error)


def encode_content(data: bytes) -> Content:
    """Tell bytes as text when they are strictly valid UTF-8, else as base64."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}


def _character_end(data: bytes) -> int:
    """Give the length of `data` without a UTF-8 character that is cut off at its end.

    All of it when the end is no UTF-8 anyway.
    """
    size = len(data)
    for back in range(1, min(4, size) + 1):
        byte = data[size - back]
        if byte & 0xC0 == 0x80:
            continue  # in the middle of a character
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return size - back if needed > back and size > back else size
    return size
