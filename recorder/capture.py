"""One body on its way into one cassette.

Law: a body is held up to the limit and not beyond; from there on it goes out in pieces as it comes. The bytes are never
changed and never dropped: what cannot be decoded is stored as it came, and says so.

Memory of one capture, beside what its decoder holds (see `coding`): while a body comes, twice the limit or 3 MiB,
whichever is more; 8 MiB more in the moment in which a coded body expands absurdly; at the end of a held body seven
times the limit at worst, because Python may take four bytes for each character of a text.

A capture may be finished while another thread feeds it (a recording is stopped in the middle of a download), or by a
signal handler that has interrupted the feeding. There is no lock: a fork would copy a taken one. `finish` waits for
another thread's feeding to end; where that cannot help, it tells of what is written, and of nothing else. One piece
that was being written in that moment may then stand in the cassette beyond those that the description counts.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final, Protocol

from recorder.coding import PIECE, CodingError, Decoder, are_compressing, open_decoder
from recorder.system import SYSTEM

__all__ = ["BodyCapture", "Content", "encode_content"]

Content = dict[str, str]
WritePiece = Callable[[int, Content], None]
"""Takes the number of a piece and its content, and writes a body line."""


class Redaction(Protocol):
    """What takes secrets out of a body that goes out in pieces (`recorder.redact.stream.BodyStream`)."""

    @property
    def removed(self) -> str | None:
        """Why a part went that holds more than the secret."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take what came next, give what is settled."""
        ...

    def finish(self) -> bytes:
        """Give the rest."""
        ...


OpenRedaction = Callable[[], Redaction]

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
_MOST_UNSETTLED: Final = 256 * 1024
"""Coded bytes that may come without giving anything. A zstd block has 128 KiB at most (RFC 8878 section 3.1.1.2.4)."""
_BLOCKWISE: Final = frozenset({"zstd"})
"""Codings whose decoders give whole blocks: where the stream breaks off, coded bytes are left that gave nothing."""
_MOST_PARTS: Final = 512
"""Parts after which held parts are put together: a bytes object of one byte takes 34."""
_PATIENCE: Final = 5000
"""Milliseconds, about, for which `finish` waits for a feeding in another thread to end."""


UNREADABLE: Final = "its content coding could not be taken off, so nothing is known of what is in it"
"""Why a body, or the rest of it, is not stored where secrets must not be."""

_Stored = tuple[int, int, Any]
"""What is in the cassette: pieces, bytes, and their digest. Replaced as a whole: whoever looks sees one moment."""


class BodyCapture:
    """Takes the bytes of one body, as they pass on the wire, and gives its description and content at the end.

    `limit`: bytes held. `write_piece` is called for each piece beyond it. `codings`: the Content-Encoding, in the
    order applied.

    Where a streamed coding turns out broken, the pieces from there on are raw. They begin up to 4 KiB ahead of the
    place where the decoding stopped, so that no byte is missing in between.
    """

    __slots__ = (
        "_codings",
        "_decoded",
        "_decoder",
        "_feeding",
        "_finished",
        "_held",
        "_held_size",
        "_joined",
        "_limit",
        "_open_redaction",
        "_raw",
        "_removed",
        "_sealed",
        "_stored",
        "_trouble",
        "_unsettled",
        "_wire_size",
        "_write_piece",
        "redaction",
    )

    def __init__(
        self, limit: int, write_piece: WritePiece, codings: list[str], open_redaction: OpenRedaction | None = None
    ) -> None:
        self._limit = limit
        self._write_piece = write_piece
        self._codings = codings
        self._decoded = False
        self._decoder: Decoder | None = None
        self._feeding = 0  # the thread
        self._finished = False
        self._held: list[bytes] = []
        self._held_size = 0
        self._joined = 0
        self._open_redaction = open_redaction
        self._raw = False
        self._removed = False
        self.redaction: Redaction | None = None
        self._sealed = False
        self._stored: _Stored | None = None
        self._trouble: str | None = None
        self._unsettled = b""
        self._wire_size = 0

    @property
    def wire_size(self) -> int:
        """Bytes taken so far."""
        return self._wire_size

    def feed(self, data: bytes) -> None:
        """Take what came next. `data` is kept as it is, not copied, so it must not change later.

        After `finish` it does nothing.
        """
        self._feeding = get_ident()  # before the look at `_finished`: `finish` does it the other way round
        try:
            if not self._finished:
                self._take(data)
        finally:
            self._feeding = 0

    def finish(self, incomplete: str | None, framing: str | None) -> tuple[dict[str, Any], Content | None]:
        """End the body. Gives its description, and its content where that was not written in pieces.

        `incomplete` says why not all of it is there, None when it is. To be called once.
        """
        self._finished = True
        content: Content | None = None
        if self._feeding and not self._comes_to_rest():
            content = self._break_off()
        elif self._stored is None:
            content = self._finish_held(incomplete)
        else:
            self._finish_streamed(incomplete)
        pieces, size, digest = self._stored or _EMPTY
        description: dict[str, Any] = {
            "size": size,
            "wire_size": self._wire_size,
            "sha256": digest.hexdigest(),
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
            description["pieces"] = pieces
        removed = UNREADABLE if self._removed else None if self.redaction is None else self.redaction.removed
        if removed is not None:
            description["removed"] = removed
        return description, content

    def _comes_to_rest(self) -> bool:
        for _ in range(_PATIENCE):
            if self._feeding == get_ident():
                return False  # interrupted by a signal handler, in which this is
            SYSTEM.sleep(0.001)
            if not self._feeding:
                return True
        return False

    def _break_off(self) -> Content | None:
        """End a body whose feeding does not end: nothing is touched that it may be working on."""
        self._sealed = True
        return self._keep(b"".join(self._held)) if self._stored is None else None

    def _take(self, data: bytes) -> None:
        size = len(data)
        self._wire_size += size
        if self._stored is None:
            self._hold(data, size)
            if self._held_size > self._limit:
                self._go_streaming()
        else:
            self._stream(data)

    def _hold(self, data: bytes, size: int) -> None:
        held = self._held
        held.append(data)
        self._held_size += size
        if len(held) - self._joined > _MOST_PARTS:
            held[self._joined :] = [b"".join(held[self._joined :])]
            self._joined += 1

    def _take_held(self) -> bytes:
        held, self._held, self._held_size, self._joined = self._held, [], 0, 0
        return held[0] if len(held) == 1 else b"".join(held)

    # A body that fits.

    def _finish_held(self, incomplete: str | None) -> Content | None:
        wire = self._take_held()
        if not self._codings or not wire:
            return self._keep(wire)
        try:
            decoded = self._decode_within_limit(wire, incomplete)
            self._decoded = True
            if decoded is not None:
                return self._keep(decoded)
            # It outgrows the limit, but not absurdly, and is sound to its end: decode again, this time out in pieces.
            self._stored = (0, 0, hashlib.sha256(usedforsecurity=False))
            self._begin_redaction()
            for piece in open_decoder(self._codings).feed(wire):
                self._redact(piece)
            self._end_redaction()
        except CodingError as error:
            self._trouble = str(error)
            return self._keep(wire)
        self._flush(everything=True)
        return None

    def _keep(self, data: bytes) -> Content:
        self._stored = (0, len(data), hashlib.sha256(data, usedforsecurity=False))
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
        # Of a body that is not all there, what could be decoded is kept; unless bytes that came would be lost with it.
        if incomplete is None or not size or not _BLOCKWISE.isdisjoint(self._codings):
            decoder.finish()
        return b"".join(out) if size <= self._limit else None

    # A body over the limit.

    def _begin_redaction(self) -> None:
        if self._open_redaction is not None:
            self.redaction = self._open_redaction()

    def _redact(self, data: bytes) -> None:
        """Take what is to be stored. Through redaction it may come late, and changed."""
        redaction = self.redaction
        if redaction is None:
            self._hold_back(data)
            return
        for start in range(0, len(data), PIECE):
            settled = redaction.feed(data[start : start + PIECE])
            if settled:
                self._hold_back(settled)

    def _end_redaction(self) -> None:
        if self.redaction is not None:
            self._hold_back(self.redaction.finish())

    def _go_streaming(self) -> None:
        self._begin_redaction()
        held, self._held, self._held_size, self._joined = self._held, [], 0, 0
        self._stored = (0, 0, hashlib.sha256(usedforsecurity=False))
        if self._codings:
            try:
                self._decoder = open_decoder(self._codings)
                self._decoded = True
            except CodingError as error:
                self._trouble = str(error)
                self._removed = self.redaction is not None and are_compressing(self._codings)
        held.reverse()
        while held:
            self._stream(held.pop())

    def _stream(self, data: bytes) -> None:
        start = 0
        while self._decoder is not None and start < len(data):
            self._stream_bite(self._decoder, data[start : start + _BITE])
            start += _BITE
        if start < len(data) and not self._removed:
            self._redact(data[start:] if start else data)

    def _stream_bite(self, decoder: Decoder, bite: bytes) -> None:
        decoded: list[bytes] = []
        try:
            self._decode_bite(decoder, bite, decoded)
        except CodingError as error:
            if self.redaction is not None:
                for piece in decoded:  # the rest of the bite is not stored, so this much of it can be
                    self._redact(piece)
            self._go_raw(str(error), bite)
            return
        for piece in decoded:
            self._redact(piece)
        # What follows the last byte that gave something may begin anywhere in its bite.
        self._unsettled = bite if decoded else self._unsettled + bite

    def _decode_bite(self, decoder: Decoder, data: bytes, out: list[bytes]) -> None:
        """Decode a little into `out`. Raises CodingError; what was decoded up to there is in `out` then."""
        size = 0
        for piece in decoder.feed(data):
            size += len(piece)
            whole = (0 if self._stored is None else self._stored[1]) + self._held_size + size
            if size > _MOST_FROM_BITE or whole > max(_HARMLESS_EXPANSION, self._wire_size * _MOST_EXPANSION):
                raise CodingError(f"expands more than {_MOST_EXPANSION} times")
            out.append(piece)
        if not out and len(self._unsettled) > _MOST_UNSETTLED:
            raise CodingError(f"gives nothing for {_MOST_UNSETTLED // 1024} KiB")

    def _go_raw(self, trouble: str, bite: bytes = b"") -> None:
        """Give up decoding, and store as it came whatever may not have been decoded.

        With redaction it is not stored: nothing is known of what is in it.
        """
        self._end_redaction()
        self._flush(everything=True)
        if self.redaction is not None:
            self._decoder = None
            self._trouble = trouble
            self._removed = True
            return
        self._decoder = None
        self._trouble = trouble
        self._raw = True
        unsettled, self._unsettled = self._unsettled, b""
        self._hold_back(unsettled + bite)

    def _hold_back(self, data: bytes) -> None:
        size = len(data)
        if size > PIECE:
            for start in range(0, size, PIECE):
                self._hold_back(data[start : start + PIECE])
            return
        self._hold(data, size)
        if self._held_size >= PIECE:
            self._flush(everything=False)

    def _flush(self, *, everything: bool) -> None:
        data = self._take_held()
        start = 0
        while len(data) - start >= PIECE or (everything and start < len(data)):
            piece = data[start : start + PIECE]
            if len(piece) == PIECE:
                piece = piece[: _character_end(piece)]
            self._write(piece)
            start += len(piece)
        if start < len(data):
            self._hold(data[start:], len(data) - start)

    def _write(self, piece: bytes) -> None:
        if self._stored is None or self._sealed:
            return
        pieces, size, digest = self._stored
        digest = digest.copy()
        digest.update(piece)
        content = encode_content(piece)
        self._write_piece(pieces, {**content, "raw": True} if self._raw else content)  # type: ignore[dict-item] # a mark, not content
        self._stored = (pieces + 1, size + len(piece), digest)

    def _finish_streamed(self, incomplete: str | None) -> None:
        if self._decoder is not None:
            try:
                self._decoder.finish()
            except CodingError as error:
                if not _BLOCKWISE.isdisjoint(self._codings):
                    self._go_raw(str(error))
                elif incomplete is None:
                    self._trouble = str(error)
        if not self._removed:
            self._end_redaction()
        self._flush(everything=True)


_EMPTY: Final = (0, 0, hashlib.sha256(usedforsecurity=False))


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
