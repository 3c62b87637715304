"""Where the body of a message ends, and which of the bytes on the wire are body.

Law: a deframer is fed what arrived and gives the body bytes in it; it holds at most one line of framing, never body.
It follows RFC 9112 section 7.1 as far as http.client does, and stops at the first byte that it cannot place: what
follows is not guessed.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Chunked", "Deframer", "Length", "UntilClose"]

_LONGEST_LINE = 65536
"""Bytes of one chunk-size or trailer line; http.client's own limit (`_MAXLINE`)."""
_MOST_TRAILERS = 100
"""Trailer lines that are kept; http.client's own limit on headers (`_MAXHEADERS`)."""


class Deframer(Protocol):
    """Common to all framings.

    `feed` gives body bytes, `done` tells that the body has ended, `broken` that its end cannot be known any more,
    `ends_at_close` that only the peer's close ends it.
    """

    name: str
    done: bool
    broken: bool
    ends_at_close: bool
    trailers: list[tuple[str, str]]

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes off the wire; give the parts of them that are body."""
        ...


class Length:
    """A body of a known number of bytes (Content-Length). Bytes beyond it are not part of it."""

    __slots__ = ("broken", "done", "ends_at_close", "left", "name", "trailers")

    def __init__(self, length: int) -> None:
        self.name = "length"
        self.left = length
        self.done = length == 0
        self.broken = False
        self.ends_at_close = False
        self.trailers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> list[bytes]:
        """See Deframer."""
        size = len(data)
        left = self.left
        if size >= left:
            self.left = 0
            self.done = True
            if size > left:
                data = data[:left]
            return [data] if data else []
        self.left = left - size
        return [data]


class UntilClose:
    """A body that ends when the peer closes the connection."""

    __slots__ = ("broken", "done", "ends_at_close", "name", "trailers")

    def __init__(self) -> None:
        self.name = "close"
        self.done = False
        self.broken = False
        self.ends_at_close = True
        self.trailers: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> list[bytes]:
        """See Deframer."""
        return [data]


class Chunked:
    """A chunked body. `broken` once a chunk size cannot be read; `done` after the empty line behind the trailers."""

    __slots__ = ("_left", "_line", "_state", "_toss", "broken", "done", "ends_at_close", "name", "trailers")

    def __init__(self) -> None:
        self.name = "chunked"
        self.done = False
        self.broken = False
        self.ends_at_close = False
        self.trailers: list[tuple[str, str]] = []
        self._left = 0
        self._toss = 0
        self._line = b""
        # The function, not the bound method: that would tie the deframer to itself, for the garbage collector to find.
        self._state = Chunked._read_size

    def feed(self, data: bytes) -> list[bytes]:
        """See Deframer."""
        out: list[bytes] = []
        position = 0
        size = len(data)
        while position < size and not (self.done or self.broken):
            if self._left:
                part = data[position : position + self._left] if position or size > self._left else data
                self._left -= len(part)
                position += len(part)
                out.append(part)
                if not self._left:
                    self._toss = 2  # as http.client, which takes any two bytes for the end of a chunk
                continue
            if self._toss:
                tossed = min(self._toss, size - position)
                self._toss -= tossed
                position += tossed
                continue
            end = data.find(b"\n", position)
            if end < 0:
                self._line += data[position:]
                self.broken = len(self._line) > _LONGEST_LINE
                break
            line = self._line + data[position:end]
            self._line = b""
            position = end + 1
            self._state(self, line.rstrip(b"\r"))
        return out

    def _read_size(self, line: bytes) -> None:
        try:
            # As http.client: what stands behind ";" is an extension. int() takes signs and underscores; a negative
            # size is nonsense.
            self._left = int(line.split(b";", 1)[0], 16)
        except ValueError:
            self.broken = True
            return
        if self._left < 0:
            self._left = 0
            self.broken = True
        elif self._left == 0:
            self._state = Chunked._read_trailer

    def _read_trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
        elif len(self.trailers) < _MOST_TRAILERS:
            name, _, value = line.decode("iso-8859-1").partition(":")
            self.trailers.append((name, value.strip()))
